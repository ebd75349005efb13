"""Filter labels: what lists of registrations can be narrowed to, in words."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from rsvp.queries.filters import ReconfirmationStatus
from rsvp.text.states import StateLabel

RECONFIRMATION_LABELS: dict[str, StateLabel] = {
    ReconfirmationStatus.YES: StateLabel("said_yes", _l("Still coming")),
    ReconfirmationStatus.ASKED: StateLabel("unanswered", _l("No answer yet")),
    ReconfirmationStatus.FLAGGED: StateLabel("flagged", _l("Not answered")),
}
"""What people said when they were asked whether they still come."""

CHECK_IN_LABELS = {"yes": _l("Was let in"), "no": _l("Was not let in")}
"""Whether anybody of a party was let in at the door."""
