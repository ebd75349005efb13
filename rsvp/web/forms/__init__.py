"""Forms: what people type into a public form, read and checked for its shape.

The rules (is there a seat?) are the domain's; a form hands over one plain value.
"""

from rsvp.web.forms.answering import OfferForm
from rsvp.web.forms.asked import AskingForm
from rsvp.web.forms.changing import (
    AddressForm,
    AdmissionForm,
    DetailsForm,
    GuestForm,
    LostMailForm,
    SuccessorForm,
)
from rsvp.web.forms.fields import TypedField
from rsvp.web.forms.registering import RegistrationForm
from rsvp.web.forms.typed import NO_MAIL_ADDRESS, NO_WEB_ADDRESS

__all__ = [
    "NO_MAIL_ADDRESS",
    "NO_WEB_ADDRESS",
    "AddressForm",
    "AdmissionForm",
    "AskingForm",
    "DetailsForm",
    "GuestForm",
    "LostMailForm",
    "OfferForm",
    "RegistrationForm",
    "SuccessorForm",
    "TypedField",
]
