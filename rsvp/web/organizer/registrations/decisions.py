"""Decisions: several requests approved or declined at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rsvp import db, errors
from rsvp.domain.registrations import approval
from rsvp.domain.teams import Action
from rsvp.models.registration import State
from rsvp.queries import registrations as registration_queries
from rsvp.web import form_actions, guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import MAX_REASON_LENGTH, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import bp, filters
from rsvp.web.organizer.registrations.list import (
    MAX_DECISIONS,
    REFERENCE_PATTERN,
    render_list,
)


@form_actions.action(
    bp,
    "/events/<slug>/registrations/decisions",
    page="organizer.registrations.list_registrations",
)
@guards.signed_in
def decide_requests(slug: str) -> ResponseReturnValue:
    """Approve or decline those ticked, each for itself: one that changed meanwhile
    keeps nobody else from an answer."""
    event = layout.get_event_or_404(slug, Action.MANAGE_REGISTRATIONS)
    sent = filter(REFERENCE_PATTERN.fullmatch, request.form.getlist("reference"))
    ticked = list(dict.fromkeys(sent))
    why, decision = organizer.read_line("why"), request.form.get("decision")
    if mistake := decision_mistake(ticked, why):
        return render_list(event, mistake, ticked[:MAX_DECISIONS]), 422
    if decision not in ("approve", "decline"):
        abort(400)
    query = filters.filter_query(event, filters.filter_from_args(event))
    ids = {
        registration.reference: registration.id
        for registration in registration_queries.list_by_references(event.id, ticked)
    }
    numbers = Counter[str]()
    refused: dict[str, list[str]] = {"changed": [], "full": []}
    for reference, registration_id in ids.items():
        try:
            numbers[decide_request(registration_id, decision, why or None)] += 1
        except (errors.AdmissionFull, errors.WaitlistFull):
            refused["full"].append(reference)
        except (errors.NotRequested, errors.AlreadyOver):
            refused["changed"].append(reference)
    result: dict[str, Any] = dict(numbers)
    result |= {name: ".".join(some) for name, some in refused.items() if some}
    return redirect(
        url_for(
            "organizer.registrations.list_registrations", slug=slug, **query, **result
        ),
        code=303,
    )


def decision_mistake(ticked: list[str], why: str) -> Mistake | None:
    if not ticked:
        return Mistake("reference", _("Please tick at least one request."), why)
    if len(ticked) > MAX_DECISIONS:
        message = _("Please tick at most %(count)d at a time.", count=MAX_DECISIONS)
        return Mistake("reference", message, why)
    if len(why) > MAX_REASON_LENGTH:
        return Mistake("why", organizer.too_long_message(MAX_REASON_LENGTH), why)
    return None


def decide_request(registration_id: int, decision: str, why: str | None) -> str:
    """Decide one in a transaction of its own, and say what it is now."""
    actor, now = layout.current_actor(), db.utcnow()
    if decision == "decline":
        db.write(approval.decline, registration_id, why=why, actor=actor, now=now)
        return "declined"
    state = db.write(approval.approve, registration_id, why=why, actor=actor, now=now)
    return "approved" if state == State.CONFIRMED else "waitlisted"


@bp.get("/events/<slug>/registrations/decisions")
@guards.signed_in
def redirect_to_requests(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.SEE_NAMES)
    url = url_for(
        "organizer.registrations.list_registrations",
        slug=event.slug,
        state=State.REQUESTED,
    )
    return redirect(url, code=303)
