"""One registration: how it stands, who is in the party, and what may be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from rsvp import i18n
from rsvp.db import utcnow
from rsvp.domain import waitlist
from rsvp.domain.questions import Answer
from rsvp.models import Admission, Attendee, Event, Message, Question, Registration
from rsvp.models.event import Status
from rsvp.models.message import MessageState
from rsvp.models.registration import LIVE, OVER, Asked, State
from rsvp.queries import by_link, filters
from rsvp.queries import registrations as registration_queries
from rsvp.web.forms.organizer import LONGEST_REASON
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Moment, Shown
from rsvp.web.organizer.messages import rows
from rsvp.web.organizer.registrations import audit_log
from rsvp.web.presentation import template_globals


def shown_to(found: Registration, *, manages: bool) -> dict[str, Any]:
    """What the page tells whoever may see names; to those who manage registrations
    more, which is not even read for others."""
    event = found.event
    place = by_link.place_in_line(found)
    return {
        "registration": found,
        "admission": found.admission,
        "state": layout.STATES[found.state],
        "answer": answer_of(found),
        "asked": asked_of(found),
        "place": place,
        "standing": standing_of(found),
        "party": people_of(found, manages=manages),
        "registered": layout.moment(found.registered_at, event.zone),
        "manages": manages,
        **(managed(found, place) if manages else {}),
    }


def managed(found: Registration, place: int | None) -> dict[str, Any]:
    event, admission = found.event, found.admission
    entries = registration_queries.history(found.id)
    now = utcnow()
    acts = acts_for(found, now)
    messages = registration_queries.messages_about(found.id)
    return {
        "acts": acts,
        "correction": correction_of(messages),
        "standby": standby_of(event),
        "elsewhere": elsewhere_of(found),
        "promise": promise_of(found, now),
        "more_facts": facts_of(found),
        "answers": answers_to(event, found.answers),
        "consents": [
            (consent, layout.moment(consent.at, event.zone))
            for consent in registration_queries.given_consents(found.id)
        ],
        "messages": rows.rows_of(messages),
        "history": audit_log.lines_of(found, entries),
        "line_length": waitlist.place(event, admission) - 1 if place else 0,
        "over_by": over_by(event, admission, found.seats),
        "longest_reason": LONGEST_REASON,
    }


# --- what may be done ---------------------------------------------------------------


@dataclass(frozen=True)
class Acts:
    """What an organizer may do to a registration as it stands; the domain has the last
    word. `offer` is how many seats could be offered by hand; `admissions` are those it
    could be moved to."""

    decide: bool = False
    offer: int = 0
    seat: bool = False
    seat_present: bool = False
    move_in_line: bool = False
    admissions: Sequence[Admission] = ()
    send_again: bool = False
    cancel_guest: bool = False
    give_on: bool = False
    cancel: bool = False
    reinstate: bool = False

    def __bool__(self) -> bool:
        return any(vars(self).values())


def acts_for(found: Registration, now: datetime) -> Acts:
    event, state = found.event, found.state
    if event.status != Status.PUBLISHED or event.erased_at is not None:
        return Acts()
    is_over = now >= event.ends_at
    waits = state == State.WAITLISTED and not is_over
    may_offer = waits and now < event.doors_open_at
    free = free_seats(event, found.admission)
    may_move = state in (State.CONFIRMED, State.WAITLISTED, State.REQUESTED)
    return Acts(
        decide=state == State.REQUESTED and not is_over,
        offer=waitlist.seats_for(found, free) if may_offer else 0,
        seat=waits,
        seat_present=waits and now >= event.doors_open_at,
        move_in_line=waits,
        admissions=others_than(found) if may_move and not is_over else (),
        send_again=state in LIVE,
        cancel_guest=state in LIVE and state != State.OFFERED,
        give_on=found.awaits_answer and not is_over,
        cancel=state in (*LIVE, State.RELEASED),
        # Without an address nobody could be told of it.
        reinstate=state in (*OVER, State.RELEASED)
        and bool(found.email)
        and not is_over,
    )


def standby_of(event: Event) -> str:
    """What else counts as free for those who stand at the door, from when on."""
    if event.standby_at is None:
        return ""
    since = i18n.clock(event.standby_at, event.zone)
    return _(
        "From %(time)s on, places of those who have not come count as free.", time=since
    )


def elsewhere_of(found: Registration) -> str:
    """What moving to another admission comes to."""
    match found.state:
        case State.CONFIRMED:
            return ngettext(
                "If a place is free there that nobody in line could use, %(num)d place "
                "goes with them. Else nothing changes.",
                "If as many places are free there that nobody in line could use, "
                "%(num)d places go with them. Else nothing changes.",
                found.seats,
            )
        case State.WAITLISTED:
            return _(
                "If places are free there they get them. Else they wait there, with a "
                "new place at the end of the line."
            )
    return _("They ask for a place there instead.")


def promise_of(found: Registration, now: datetime) -> str:
    """What a mail has promised to whoever does not answer, while it holds."""
    if found.flagged_at is not None:
        return ""
    if found.asked_about == Asked.CHANGE:
        return _("They were told that without an answer they keep what they have.")
    if found.answer_by is not None and now < found.answer_by:
        until = layout.moment(found.answer_by, found.event.zone).text
        return _("They were told that they can answer until %(time)s.", time=until)
    return ""


def others_than(found: Registration) -> list[Admission]:
    return [a for a in found.event.admissions if a.id != found.admission_id]


def free_seats(event: Event, admission: Admission) -> int | None:
    """Seats that are free under every cap; None: without limit."""
    left = room_left(event, admission)
    return max(0, min(left)) if left else None


def over_by(event: Event, admission: Admission, seats: int) -> int:
    """By how many the caps would be exceeded if so many more were seated."""
    return max((seats - left for left in room_left(event, admission)), default=0)


def room_left(event: Event, admission: Admission) -> list[int]:
    """What is left under each cap that applies; below zero where it is over."""
    left = []
    if admission.capacity is not None:
        left.append(admission.capacity - admission.seats_taken)
    if event.room_capacity is not None and admission.counts_in_room:
        left.append(event.room_capacity - event.room_taken)
    return left


# --- how it stands ------------------------------------------------------------------


def standing_of(found: Registration) -> str:
    """How it stands, in one sentence, without what addresses and answers tell."""
    values = {
        "admission": found.admission.name,
        "since": layout.moment(found.state_since, found.event.zone).text,
    }
    match found.state:
        case State.HELD:
            return ngettext(
                "%(num)d place, %(admission)s, kept until the address is confirmed.",
                "%(num)d places, %(admission)s, kept until the address is confirmed.",
                found.seats,
                **values,
            )
        case State.REQUESTED:
            return ngettext(
                "Asks for %(num)d place, %(admission)s. Since %(since)s.",
                "Asks for %(num)d places, %(admission)s. Since %(since)s.",
                found.seats,
                **values,
            )
        case State.OFFERED:
            return offer_in_words(found)
        case State.CONFIRMED:
            return ngettext(
                "%(num)d place, %(admission)s. Since %(since)s.",
                "%(num)d places, %(admission)s. Since %(since)s.",
                found.seats,
                **values,
            )
        case State.WAITLISTED:
            return ngettext(
                "Waits for %(num)d place, %(admission)s. Since %(since)s.",
                "Waits for %(num)d places, %(admission)s. Since %(since)s.",
                found.seats,
                **values,
            )
        case State.RELEASED:
            return _("Given on since %(since)s. Was for %(admission)s.", **values)
    return _("Over since %(since)s. Was for %(admission)s.", **values)


def offer_in_words(found: Registration) -> str:
    offered, name = found.held_seats, found.admission.name
    if offered < found.seats:
        return ngettext(
            "%(num)d of the %(seats)d places they wait for is offered, %(admission)s.",
            "%(num)d of the %(seats)d places they wait for are offered, %(admission)s.",
            offered,
            seats=found.seats,
            admission=name,
        )
    return ngettext(
        "%(num)d place is offered, %(admission)s.",
        "%(num)d places are offered, %(admission)s.",
        offered,
        admission=name,
    )


UNTIL_WORDS = {
    State.HELD: lazy_gettext("To be confirmed until"),
    State.OFFERED: lazy_gettext("Offered until"),
}
ENDED_WORDS = lazy_gettext("That ended")


def until_of(found: Registration) -> tuple[Any, Moment] | None:
    """Until when an offer or a held place is kept, with the words for it; it ends on
    time, whoever notes it when."""
    if found.decide_by is None:
        return None
    is_past = found.decide_by <= utcnow()
    words = ENDED_WORDS if is_past else UNTIL_WORDS[State(found.state)]
    return words, layout.moment(found.decide_by, found.event.zone)


def answer_of(found: Registration) -> Shown | None:
    """What they said when they were asked whether they still come; None: not asked."""
    said = filters.said_by(found)
    return None if said is None else layout.ANSWERS[said]


def asked_of(found: Registration) -> list[tuple[Any, Moment]]:
    """When they were asked whether they still come, and what came of it."""
    if filters.said_by(found) is None:
        return []
    awaited = found.answer_by if found.awaits_answer else None
    told = (
        (_("Asked whether they still come"), found.asked_at),
        (_("Answers count until"), awaited),
        (_("Said yes"), found.answered_at),
        (_("Left to you to decide"), found.flagged_at),
    )
    zone = found.event.zone
    return [(words, layout.moment(at, zone)) for words, at in told if at is not None]


def facts_of(found: Registration) -> list[tuple[str, str]]:
    """What else is known of how it stands, as terms with what they are."""
    facts = []
    if found.state in (State.WAITLISTED, State.OFFERED) and found.fewer_ok:
        facts.append((_("If not all fit"), _("Fewer is fine")))
    if found.was_put_off and found.state in (State.WAITLISTED, State.OFFERED):
        facts.append((_("Offered before"), _("Put off once")))
    if found.invitation_id is not None:
        facts.append((_("Invitation"), invitation_in_words(found.invitation_id)))
    facts += reach_of(found)
    if found.is_live:
        return facts
    if found.ended_from is not None:
        facts.append((_("Before that"), str(layout.STATES[found.ended_from].word)))
    if found.ended_by is not None:
        names = registration_queries.names_of_actors([found.ended_by])
        facts.append((_("Ended"), audit_log.by(found.ended_by, names)))
    if found.ended_why:
        facts.append((_("Why"), found.ended_why))
    return facts


def reach_of(found: Registration) -> list[tuple[str, str]]:
    """What is known of mail to its address, where that is something."""
    facts = []
    if found.address_failed_at is not None:
        since = layout.moment(found.address_failed_at, found.event.zone).text
        refused = _("Refused since %(since)s", since=since)
        why = f"{refused}: {found.address_failed_why}"
        facts.append((_("Mail to the address"), why))
    if found.muted_at is not None:
        facts.append((_("Mails"), _("Asked for none but tickets and changes")))
    return facts


def correction_of(messages: Sequence[Message]) -> str | None:
    """Where its address can be corrected: on the page of the latest mail that it did
    not take, unless it took one since."""
    failed: list[Message] = []
    for each in messages:
        if rows.may_be_corrected(each):
            failed.append(each)
        elif each.state == MessageState.SENT:
            failed = [one for one in failed if one.recipient_key != each.recipient_key]
    if not failed:
        return None
    return url_for("outbox.message", uuid=failed[-1].uuid, _anchor="email")


def invitation_in_words(invitation_id: int) -> str:
    return registration_queries.label_of_invitation(invitation_id) or _(
        "Without a label"
    )


# --- the party ----------------------------------------------------------------------


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


def people_of(found: Registration, *, manages: bool) -> list[Person]:
    event, let_in = found.event, registration_queries.first_check_ins(found.id)
    return [
        Person(
            position=attendee.position,
            name=template_globals.name_of(attendee.name, attendee.position),
            state=shown(found, attendee, let_in),
            let_in=layout.moment(let_in[attendee.id], event.zone)
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
    if not attendee.is_coming:
        return NOT_COMING
    return COMING if found.state == State.CONFIRMED else layout.STATES[found.state]


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
