"""Offer: who of a party comes when fewer places are offered than it has people."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from rsvp.models import Registration
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Choices, Option
from rsvp.web.presentation.text import attendee_name


class OfferForm(Form):
    """The form for who of the party comes; blank, the first of them are ticked."""

    def __init__(
        self,
        registration: Registration,
        max_seats: int,
        data: MultiDict[str, str] | None = None,
    ) -> None:
        self.max_seats = max_seats
        # None: it has ended and is gone, which the domain then says.
        self.is_of_fewer = 0 < self.max_seats < registration.seats
        options = tuple(
            Option(
                str(attendee.position), attendee_name(attendee.name, attendee.position)
            )
            for attendee in registration.coming_attendees
        )
        chosen = [option.value for option in options[: self.max_seats]]
        super().__init__(
            data,
            fields=[
                (
                    "coming",
                    Choices(
                        ngettext(
                            "Who is coming? Choose one.",
                            "Who is coming? Choose up to %(num)d.",
                            self.max_seats,
                        ),
                        required=True,
                        options=options,
                        default=None if data is not None else chosen,
                        label_in_mistakes=False,
                    ),
                )
            ],
        )

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ARG002
        """Check who was named; `positions` is then None where all of them come."""
        self.positions: list[int] | None = None
        if not self.is_of_fewer:
            return True
        named = list(dict.fromkeys(self["coming"].data))
        known = {option.value for option in self["coming"].options}
        if not named:
            self.refuse(_("Choose who is coming."), "coming")
        elif not known.issuperset(named):
            self.refuse(_("Choose among those who were registered."), "coming")
        elif len(named) > self.max_seats:
            self.refuse(
                ngettext(
                    "One place is free: choose one of you.",
                    "%(num)d places are free: choose no more of you.",
                    self.max_seats,
                ),
                "coming",
            )
        else:
            self.positions = [int(position) for position in named]
        return self.is_valid
