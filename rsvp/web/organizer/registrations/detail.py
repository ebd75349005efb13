"""Detail: what one registration's page shows: state, party, facts, actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from rsvp import i18n
from rsvp.db import utcnow
from rsvp.domain import waitlist
from rsvp.domain.questions import Answer
from rsvp.models import Admission, Attendee, Event, Message, Question, Registration
from rsvp.models.event import Status
from rsvp.models.message import MessageState
from rsvp.models.registration import ENDED_STATES, LIVE_STATES, AskedAbout, State
from rsvp.queries import filters
from rsvp.queries import registrations as registration_queries
from rsvp.text import states
from rsvp.text.states import StateLabel
from rsvp.web.forms.organizer import MAX_REASON_LENGTH
from rsvp.web.organizer.messages import rows
from rsvp.web.organizer.registrations import audit_log
from rsvp.web.presentation import filter_labels, short_times, text
from rsvp.web.presentation.short_times import ShortTime


def detail_context(registration: Registration, *, manages: bool) -> dict[str, Any]:
    """What the page tells whoever may see names; to those who manage registrations
    more, which is not even read for others."""
    event = registration.event
    place = waitlist.position_of(registration)
    return {
        "registration": registration,
        "admission": registration.admission,
        "state": states.STATE_LABELS[registration.state],
        "answer": reconfirmation_label(registration),
        "asked": reconfirmation_times(registration),
        "place": place,
        "status_text": status_text(registration),
        "party": party_members(registration, manages=manages),
        "registered": short_times.short_time(registration.registered_at, event.zone),
        "manages": manages,
        **(manager_context(registration, place) if manages else {}),
    }


def manager_context(registration: Registration, place: int | None) -> dict[str, Any]:
    event, admission = registration.event, registration.admission
    entries = registration_queries.list_audit_entries(registration.id)
    now = utcnow()
    actions = allowed_actions(registration, now)
    messages = registration_queries.list_messages(registration.id)
    return {
        "actions": actions,
        "address_correction_url": address_correction_url(messages),
        "standby_text": standby_text(event),
        "admission_change_text": admission_change_text(registration),
        "promise_text": promise_text(registration, now),
        "more_facts": more_facts(registration),
        "answers": answered_questions(event, registration.answers),
        "consents": [
            (consent, short_times.short_time(consent.at, event.zone))
            for consent in registration_queries.list_given_consents(registration.id)
        ],
        "messages": rows.message_rows(messages),
        "history": audit_log.audit_lines(registration, entries),
        "line_length": waitlist.position(event, admission) - 1 if place else 0,
        "over_by": over_by(event, admission, registration.seats),
        "longest_reason": MAX_REASON_LENGTH,
    }


# --- what may be done ---------------------------------------------------------------


@dataclass(frozen=True)
class OrganizerActions:
    """What an organizer may do to a registration as it stands; the domain has the last
    word. `offer` is how many seats could be offered by hand; `admissions` are those it
    could be moved to."""

    decide: bool = False
    seats_to_offer: int = 0
    seat: bool = False
    seat_present: bool = False
    move_in_line: bool = False
    admissions: Sequence[Admission] = ()
    resend_tickets: bool = False
    cancel_guest: bool = False
    release: bool = False
    cancel: bool = False
    reinstate: bool = False

    def __bool__(self) -> bool:
        return any(vars(self).values())


def allowed_actions(registration: Registration, now: datetime) -> OrganizerActions:
    event, state = registration.event, registration.state
    if event.status != Status.PUBLISHED or event.erased_at is not None:
        return OrganizerActions()
    is_over = now >= event.ends_at
    waits = state == State.WAITLISTED and not is_over
    may_offer = waits and now < event.doors_open_at
    free = free_seats(event, registration.admission)
    may_move = state in (State.CONFIRMED, State.WAITLISTED, State.REQUESTED)
    return OrganizerActions(
        decide=state == State.REQUESTED and not is_over,
        seats_to_offer=waitlist.seats_for_party(registration, free) if may_offer else 0,
        seat=waits,
        seat_present=waits and now >= event.doors_open_at,
        move_in_line=waits,
        admissions=other_admissions(registration) if may_move and not is_over else (),
        resend_tickets=state in LIVE_STATES,
        cancel_guest=state in LIVE_STATES and state != State.OFFERED,
        release=registration.awaits_answer and not is_over,
        cancel=state in (*LIVE_STATES, State.RELEASED),
        # Without an address nobody could be told of it.
        reinstate=state in (*ENDED_STATES, State.RELEASED)
        and bool(registration.email)
        and not is_over,
    )


def standby_text(event: Event) -> str:
    """What else counts as free for those who stand at the door, from when on."""
    if event.standby_at is None:
        return ""
    since = i18n.clock(event.standby_at, event.zone)
    return _(
        "From %(time)s on, places of those who have not come count as free.", time=since
    )


def admission_change_text(registration: Registration) -> str:
    """What moving to another admission comes to."""
    match registration.state:
        case State.CONFIRMED:
            return ngettext(
                "If a place is free there that nobody in line could use, %(num)d place "
                "goes with them. Else nothing changes.",
                "If as many places are free there that nobody in line could use, "
                "%(num)d places go with them. Else nothing changes.",
                registration.seats,
            )
        case State.WAITLISTED:
            return _(
                "If places are free there they get them. Else they wait there, with a "
                "new place at the end of the line."
            )
    return _("They ask for a place there instead.")


def promise_text(registration: Registration, now: datetime) -> str:
    """What a mail has promised to whoever does not answer, while it holds."""
    if registration.flagged_at is not None:
        return ""
    if registration.asked_about == AskedAbout.CHANGE:
        return _("They were told that without an answer they keep what they have.")
    if registration.answer_by is not None and now < registration.answer_by:
        until = short_times.short_time(
            registration.answer_by, registration.event.zone
        ).text
        return _("They were told that they can answer until %(time)s.", time=until)
    return ""


def other_admissions(registration: Registration) -> list[Admission]:
    return [
        a for a in registration.event.admissions if a.id != registration.admission_id
    ]


def free_seats(event: Event, admission: Admission) -> int | None:
    """Seats that are free under every cap; None: without limit."""
    left = seats_left_by_cap(event, admission)
    return max(0, min(left)) if left else None


def over_by(event: Event, admission: Admission, seats: int) -> int:
    """By how many the caps would be exceeded if so many more were seated."""
    return max(
        (seats - left for left in seats_left_by_cap(event, admission)), default=0
    )


def seats_left_by_cap(event: Event, admission: Admission) -> list[int]:
    """What is left under each cap that applies; below zero where it is over."""
    left = []
    if admission.capacity is not None:
        left.append(admission.capacity - admission.seats_taken)
    if event.room_capacity is not None and admission.counts_in_room:
        left.append(event.room_capacity - event.room_taken)
    return left


# --- how it stands ------------------------------------------------------------------


def status_text(registration: Registration) -> str:
    """How it stands, in one sentence, without what addresses and answers tell."""
    values = {
        "admission": registration.admission.name,
        "since": short_times.short_time(
            registration.state_since, registration.event.zone
        ).text,
    }
    match registration.state:
        case State.HELD:
            return ngettext(
                "%(num)d place, %(admission)s, kept until the address is confirmed.",
                "%(num)d places, %(admission)s, kept until the address is confirmed.",
                registration.seats,
                **values,
            )
        case State.REQUESTED:
            return ngettext(
                "Asks for %(num)d place, %(admission)s. Since %(since)s.",
                "Asks for %(num)d places, %(admission)s. Since %(since)s.",
                registration.seats,
                **values,
            )
        case State.OFFERED:
            return offer_text(registration)
        case State.CONFIRMED:
            return ngettext(
                "%(num)d place, %(admission)s. Since %(since)s.",
                "%(num)d places, %(admission)s. Since %(since)s.",
                registration.seats,
                **values,
            )
        case State.WAITLISTED:
            return ngettext(
                "Waits for %(num)d place, %(admission)s. Since %(since)s.",
                "Waits for %(num)d places, %(admission)s. Since %(since)s.",
                registration.seats,
                **values,
            )
        case State.RELEASED:
            return _("Given on since %(since)s. Was for %(admission)s.", **values)
    return _("Over since %(since)s. Was for %(admission)s.", **values)


def offer_text(registration: Registration) -> str:
    offered, name = registration.held_seats, registration.admission.name
    if offered < registration.seats:
        return ngettext(
            "%(num)d of the %(seats)d places they wait for is offered, %(admission)s.",
            "%(num)d of the %(seats)d places they wait for are offered, %(admission)s.",
            offered,
            seats=registration.seats,
            admission=name,
        )
    return ngettext(
        "%(num)d place is offered, %(admission)s.",
        "%(num)d places are offered, %(admission)s.",
        offered,
        admission=name,
    )


DEADLINE_LABELS = {
    State.HELD: _l("To be confirmed until"),
    State.OFFERED: _l("Offered until"),
}
DEADLINE_PAST_LABEL = _l("That ended")


def deadline_with_label(registration: Registration) -> tuple[Any, ShortTime] | None:
    """Until when an offer or a held place is kept, with the words for it; it ends on
    time, whoever notes it when."""
    if registration.decide_by is None:
        return None
    is_past = registration.decide_by <= utcnow()
    label = (
        DEADLINE_PAST_LABEL if is_past else DEADLINE_LABELS[State(registration.state)]
    )
    return label, short_times.short_time(
        registration.decide_by, registration.event.zone
    )


def reconfirmation_label(registration: Registration) -> StateLabel | None:
    """What they said when they were asked whether they still come; None: not asked."""
    status = filters.reconfirmation_status(registration)
    return None if status is None else filter_labels.RECONFIRMATION_LABELS[status]


def reconfirmation_times(registration: Registration) -> list[tuple[Any, ShortTime]]:
    """When they were asked whether they still come, and what came of it."""
    if filters.reconfirmation_status(registration) is None:
        return []
    awaited = registration.answer_by if registration.awaits_answer else None
    moments = (
        (_("Asked whether they still come"), registration.asked_at),
        (_("Answers count until"), awaited),
        (_("Said yes"), registration.answered_at),
        (_("Left to you to decide"), registration.flagged_at),
    )
    zone = registration.event.zone
    return [
        (label, short_times.short_time(at, zone))
        for label, at in moments
        if at is not None
    ]


def more_facts(registration: Registration) -> list[tuple[str, str]]:
    """What else is known of how it stands, as terms with what they are."""
    facts = []
    if (
        registration.state in (State.WAITLISTED, State.OFFERED)
        and registration.fewer_ok
    ):
        facts.append((_("If not all fit"), _("Fewer is fine")))
    if registration.was_put_off and registration.state in (
        State.WAITLISTED,
        State.OFFERED,
    ):
        facts.append((_("Offered before"), _("Put off once")))
    if registration.invitation_id is not None:
        facts.append((_("Invitation"), invitation_label(registration.invitation_id)))
    facts += mail_facts(registration)
    if registration.is_live:
        return facts
    if registration.ended_from is not None:
        facts.append(
            (_("Before that"), str(states.STATE_LABELS[registration.ended_from].label))
        )
    if registration.ended_by is not None:
        names = registration_queries.actor_names([registration.ended_by])
        facts.append((_("Ended"), audit_log.actor_text(registration.ended_by, names)))
    if registration.ended_why:
        facts.append((_("Why"), registration.ended_why))
    return facts


def mail_facts(registration: Registration) -> list[tuple[str, str]]:
    """What is known of mail to its address, where that is something."""
    facts = []
    if registration.address_failed_at is not None:
        since = short_times.short_time(
            registration.address_failed_at, registration.event.zone
        ).text
        refused = _("Refused since %(since)s", since=since)
        why = f"{refused}: {registration.address_failed_why}"
        facts.append((_("Mail to the address"), why))
    if registration.muted_at is not None:
        facts.append((_("Mails"), _("Asked for none but tickets and changes")))
    return facts


def address_correction_url(messages: Sequence[Message]) -> str | None:
    """Where its address can be corrected: on the page of the latest mail that it did
    not take, unless it took one since."""
    failed: list[Message] = []
    for message in messages:
        if rows.may_correct_address(message):
            failed.append(message)
        elif message.state == MessageState.SENT:
            failed = [
                earlier
                for earlier in failed
                if earlier.recipient_key != message.recipient_key
            ]
    if not failed:
        return None
    return url_for(
        "organizer.messages.show_message", uuid=failed[-1].uuid, _anchor="email"
    )


def invitation_label(invitation_id: int) -> str:
    return registration_queries.invitation_label(invitation_id) or _("Without a label")


# --- the party ----------------------------------------------------------------------


@dataclass(frozen=True)
class AnsweredQuestion:
    question: str
    answer: str


@dataclass(frozen=True)
class PartyMember:
    """One of the party, as the page shows them."""

    position: int
    name: str
    state: StateLabel
    let_in: ShortTime | None
    answers: list[AnsweredQuestion]
    may_be_cancelled: bool


COMING_LABEL = StateLabel("confirmed", _l("Coming"))
CANCELLED_LABEL = StateLabel("cancelled", _l("Cancelled"))
LET_IN_LABEL = StateLabel("in", _l("Let in"))


def party_members(registration: Registration, *, manages: bool) -> list[PartyMember]:
    event, let_in = (
        registration.event,
        registration_queries.first_check_ins(registration.id),
    )
    return [
        PartyMember(
            position=attendee.position,
            name=text.attendee_name(attendee.name, attendee.position),
            state=member_state(registration, attendee, let_in),
            let_in=short_times.short_time(let_in[attendee.id], event.zone)
            if attendee.id in let_in
            else None,
            answers=answered_questions(event, attendee.answers) if manages else [],
            may_be_cancelled=attendee.position > 0
            and attendee.is_coming
            and attendee.id not in let_in,
        )
        for attendee in registration.attendees
    ]


def member_state(
    registration: Registration, attendee: Attendee, let_in: dict[int, datetime]
) -> StateLabel:
    if attendee.id in let_in:
        return LET_IN_LABEL
    if not attendee.is_coming:
        return CANCELLED_LABEL
    return (
        COMING_LABEL
        if registration.state == State.CONFIRMED
        else states.STATE_LABELS[registration.state]
    )


def answered_questions(
    event: Event, answers: dict[str, Answer]
) -> list[AnsweredQuestion]:
    """What was answered, in the order of the form and in the words of its questions; of
    a question that is gone its key is left."""
    asked: dict[str, Question] = {q.key: q for q in event.questions}
    order = {key: number for number, key in enumerate(asked)}
    keys = sorted(answers, key=lambda key: (order.get(key, len(order)), key))
    return [
        AnsweredQuestion(
            asked[key].ask if key in asked else key, answer_text(answers[key])
        )
        for key in keys
    ]


def answer_text(answer: Answer) -> str:
    if isinstance(answer, bool):
        return _("Yes") if answer else _("No")
    return ", ".join(answer) if isinstance(answer, list) else str(answer)
