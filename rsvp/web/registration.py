"""Registration: one of an event's registrations, and what an organizer may do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from rsvp import db, errors, queries
from rsvp.domain import registrations, waitlist
from rsvp.domain.questions import Answer
from rsvp.domain.teams import Action
from rsvp.models import Admission, Attendee, Event, Question, Registration
from rsvp.models.event import Status
from rsvp.models.registration import LIVE, State
from rsvp.web import desk, display, guards, history, letters
from rsvp.web.desk import Moment, Shown

bp = Blueprint(
    "registration",
    __name__,
    url_prefix="/organize/events/<slug>/registrations/<reference>",
)
bp.after_request(desk.keep_private)

LONGEST_REASON = 200

DONE = {
    "cancelled": lazy_gettext("It is cancelled, and a mail says so."),
    "guest": lazy_gettext("That place is cancelled, and a mail says so."),
    "seated": lazy_gettext("They have a place now, and a mail says so."),
    "moved": lazy_gettext("They have another place in line now."),
    "mailed": lazy_gettext("The mail is on its way."),
    "codes": lazy_gettext("New codes are made, and a mail with them is on its way."),
}
"""What the page says after an act, by the key in its address."""


# --- looking ------------------------------------------------------------------------


@bp.get("")
@guards.signed_in
def show(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.SEE_NAMES)
    return page(event, found)


@bp.get("/cancellation")
@bp.get("/guests/<int:position>/cancellation")
@bp.get("/seat")
@bp.get("/place")
@bp.get("/tickets")
@bp.get("/codes")
@guards.signed_in
def buttons_are_elsewhere(
    slug: str, reference: str, **_position: int
) -> ResponseReturnValue:
    """Whoever opens the address of a button, after signing in again for one, finds the
    page it is on."""
    found_by(slug, reference, Action.SEE_NAMES)
    return redirect(url_for(".show", slug=slug, reference=reference), code=303)


def found_by(slug: str, reference: str, action: Action) -> tuple[Event, Registration]:
    """The registration, where the person signed in may do `action`, or 404."""
    event = desk.my_event(slug, action)
    found = queries.find_registration(event.id, reference)
    if found is None:
        abort(404)
    return event, found


# --- acting -------------------------------------------------------------------------


@bp.post("/cancellation")
@guards.signed_in
def cancel(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    why = typed_reason()
    if len(why) > LONGEST_REASON:
        return page(event, found, Mistake("cancel", too_long(), why)), 422
    return done(
        "cancelled",
        found,
        lambda one, **who: registrations.cancel(one, why=why or None, **who),
    )


@bp.post("/guests/<int:position>/cancellation")
@guards.signed_in
def cancel_guest(slug: str, reference: str, position: int) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    if position not in {a.position for a in found.attendees if a.position > 0}:
        abort(404)
    return done(
        "guest",
        found,
        lambda one, **who: registrations.cancel_guest(one, position, **who),
    )


@bp.post("/seat")
@guards.signed_in
def seat(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    why = typed_reason()
    if not why:
        mistake = _("Please say why: it is kept with the registration.")
        return page(event, found, Mistake("seat", mistake, why)), 422
    if len(why) > LONGEST_REASON:
        return page(event, found, Mistake("seat", too_long(), why)), 422
    return done(
        "seated", found, lambda one, **who: registrations.seat(one, why=why, **who)
    )


@bp.post("/place")
@guards.signed_in
def move(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    typed = request.form.get("place", "").strip()
    # Up to a length that any line has; `isdecimal` alone takes digits of every script.
    place = (
        int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 9 else 0
    )
    try:
        return done(
            "moved",
            found,
            lambda one, **who: registrations.move_in_line(one, place, **who),
        )
    except errors.NoSuchPlace as refusal:
        db.current_session().rollback()
        event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
        words = _(
            "Please give a number from 1 to %(last)d.", last=refusal.facts["last"]
        )
        return page(event, found, Mistake("move", words, typed[:20])), 422


@bp.post("/tickets")
@guards.signed_in
def send_again(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return done("mailed", found, registrations.send_again)


@bp.post("/codes")
@guards.signed_in
def replace_codes(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    key = current_app.config["CODE_KEY"]
    return done(
        "codes",
        found,
        lambda one, **who: registrations.replace_codes(one, code_key=key, **who),
    )


def done(
    key: str, found: Registration, act: Callable[..., object]
) -> ResponseReturnValue:
    """Do it in the name of whoever is signed in, and show what came of it."""
    registration_id, now, actor = found.id, db.utcnow(), desk.actor()
    values = request.view_args or {}
    slug, reference = values["slug"], values["reference"]
    db.write(lambda _again: act(registration_id, actor=actor, now=now))
    return redirect(
        url_for(".show", slug=slug, reference=reference, done=key), code=303
    )


def typed_reason() -> str:
    """What was typed, in one line."""
    typed = request.form.get("why", "")
    return " ".join("".join(c if c.isprintable() else " " for c in typed).split())


def too_long() -> str:
    return _("Please use at most %(count)d characters.", count=LONGEST_REASON)


# --- the page -----------------------------------------------------------------------


@dataclass(frozen=True)
class Mistake:
    """What is wrong beside the field of an act, and what was typed into it."""

    act: str
    words: str
    typed: str


@dataclass(frozen=True)
class Answered:
    ask: str
    answer: str


@dataclass(frozen=True)
class Person:
    """One of the party, as the page shows them."""

    position: int
    name: str
    state: Shown
    let_in: Moment | None
    answers: list[Answered]
    may_be_cancelled: bool


COMING = Shown("confirmed", "●", lazy_gettext("Coming"))
NOT_COMING = Shown("cancelled", "✕", lazy_gettext("Cancelled"))
LET_IN = Shown("in", "✓", lazy_gettext("Let in"))


def page(event: Event, found: Registration, mistake: Mistake | None = None) -> str:
    manages = desk.may(Action.MANAGE_REGISTRATIONS, event)
    admission = next(a for a in event.admissions if a.id == found.admission_id)
    place = queries.place_in_line(found)
    return desk.event_page(
        "registration.html",
        event,
        "people",
        registration=found,
        admission=admission,
        state=desk.STATES[found.state],
        place=place,
        standing=standing_of(found, admission),
        party=people_of(event, found, manages=manages),
        registered=desk.moment(found.registered_at, event.zone),
        manages=manages,
        done=DONE.get(request.args.get("done", "")),
        mistakes={mistake.act: mistake} if mistake else {},
        # What only those who manage registrations see is not even read for others.
        **(managed(event, found, admission) if manages else {}),
    )


def managed(event: Event, found: Registration, admission: Admission) -> dict[str, Any]:
    waits = found.state == State.WAITLISTED
    may_change = (
        found.state in LIVE
        and event.status == Status.PUBLISHED
        and event.erased_at is None
    )
    return {
        "answers": answers_to(event, found.answers),
        "consents": [
            (consent, desk.moment(consent.at, event.zone))
            for consent in queries.given_consents(found.id)
        ],
        "messages": [letters.row_of(m) for m in queries.messages_about(found.id)],
        "history": history.lines_of(found, queries.history(found.id)),
        "may_change": may_change,
        "may_seat": may_change and waits and db.utcnow() < event.ends_at,
        "line_length": waitlist.place(event, admission) - 1 if waits else 0,
        "over_by": over_by(event, admission, found.seats),
        "longest_reason": LONGEST_REASON,
    }


def standing_of(found: Registration, admission: Admission) -> str:
    """How it stands, in one sentence, without what addresses and answers tell."""
    since = desk.moment(found.state_since, found.event.zone).text
    match found.state:
        case State.CONFIRMED:
            return ngettext(
                "%(num)d place, %(admission)s. Since %(since)s.",
                "%(num)d places, %(admission)s. Since %(since)s.",
                found.seats,
                admission=admission.name,
                since=since,
            )
        case State.WAITLISTED:
            return ngettext(
                "Waits for %(num)d place, %(admission)s. Since %(since)s.",
                "Waits for %(num)d places, %(admission)s. Since %(since)s.",
                found.seats,
                admission=admission.name,
                since=since,
            )
    return _(
        "Over since %(since)s. Was for %(admission)s.",
        admission=admission.name,
        since=since,
    )


def people_of(event: Event, found: Registration, *, manages: bool) -> list[Person]:
    let_in = queries.first_check_ins(found.id)
    return [
        Person(
            position=attendee.position,
            name=display.name_of(attendee.name, attendee.position),
            state=shown(found, attendee, let_in),
            let_in=desk.moment(let_in[attendee.id], event.zone)
            if attendee.id in let_in
            else None,
            answers=answers_to(event, attendee.answers) if manages else [],
            may_be_cancelled=attendee.position > 0
            and attendee.is_coming
            and attendee.id not in let_in,
        )
        for attendee in found.attendees
    ]


def shown(
    found: Registration, attendee: Attendee, let_in: dict[int, datetime]
) -> Shown:
    if attendee.id in let_in:
        return LET_IN
    if not (attendee.is_coming and found.is_live):
        return NOT_COMING
    return COMING if found.state == State.CONFIRMED else desk.STATES[found.state]


def answers_to(event: Event, answers: dict[str, Answer]) -> list[Answered]:
    """What was answered, in the order of the form and in the words of its questions; of
    a question that is gone its key is left."""
    asked: dict[str, Question] = {q.key: q for q in event.questions}
    order = {key: number for number, key in enumerate(asked)}
    keys = sorted(answers, key=lambda key: (order.get(key, len(order)), key))
    return [
        Answered(asked[key].ask if key in asked else key, in_words(answers[key]))
        for key in keys
    ]


def in_words(answer: Answer) -> str:
    if isinstance(answer, bool):
        return _("Yes") if answer else _("No")
    return ", ".join(answer) if isinstance(answer, list) else str(answer)


def over_by(event: Event, admission: Admission, seats: int) -> int:
    """By how many the caps would be exceeded if so many more were seated."""
    excess = [0]
    if admission.capacity is not None:
        excess.append(admission.seats_taken + seats - admission.capacity)
    if event.room_capacity is not None and admission.counts_in_room:
        excess.append(event.room_taken + seats - event.room_capacity)
    return max(excess)
