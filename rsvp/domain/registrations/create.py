"""Create: a prepared registration is stored, confirmed or waitlisted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.sql.dml import Insert

from rsvp import errors, tokens
from rsvp.db import current_connection, current_session, insert_or_ignore, table_of
from rsvp.domain import audit, capacity, deadlines, invitations, waitlist
from rsvp.domain.capacity import LockedEvent
from rsvp.domain.messages import mail_limits, outbox
from rsvp.domain.messages.mail_limits import Cause
from rsvp.models import Admission, Attendee, Event, GivenConsent, Registration
from rsvp.models.audit import Verb
from rsvp.models.event import Phase
from rsvp.models.registration import LIVE_STATES, REFERENCE_LENGTH, AttendeeState, State
from rsvp.text import keyboard_layouts
from rsvp.text.mailboxes import mailbox_of
from rsvp.text.search import search_text

REFUSAL_BY_PHASE = {
    Phase.CANCELLED: errors.EventCancelled,
    Phase.OVER: errors.EventOver,
    Phase.NOT_OPEN: errors.RegistrationNotOpen,
    Phase.PAUSED: errors.RegistrationPaused,
    Phase.CLOSED: errors.RegistrationClosed,
    # Nobody can see a draft, so nobody is told more about it than this.
    Phase.DRAFT: errors.RegistrationNotOpen,
}

# A conflict means: this address or this submission is registered already.
INSERT_REGISTRATION = insert_or_ignore(Registration, returning=Registration.id)
INSERT_ATTENDEES: Insert = insert(table_of(Attendee))
INSERT_CONSENTS: Insert = insert(table_of(GivenConsent))


@dataclass(frozen=True)
class RequestedAttendee:
    """One of a party that wants to register; `answers` are those asked of each."""

    name: str | None
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RegistrationRequest:
    """What a form hands over, its shape already checked.

    `party[0]` is whoever registers and has a name. `email_key` is the address as it is
    compared. `consents` is `{consent id: ticked}` for each box that was shown.
    """

    admission_id: int
    email: str
    email_key: str
    party: tuple[RequestedAttendee, ...]
    answers: dict[str, Any] = field(default_factory=dict)
    consents: dict[int, bool] = field(default_factory=dict)
    language: str = "en"
    submission: UUID | None = None
    # Whether a part of the party may come when not all of it fits.
    fewer_ok: bool = False
    # The code of an invitation, as it was typed.
    invitation: str | None = None


@dataclass(frozen=True)
class PreparedRegistration:
    """A registration ready to be written: all that can be made before the lock is."""

    event: Event
    admission: Admission
    request: RegistrationRequest
    token: str
    row: dict[str, Any]
    attendees: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    # What its mails are counted by.
    mailbox: bytes
    code_key: bytes = field(repr=False)
    now: datetime


@dataclass(frozen=True)
class Outcome:
    """What registering came to. `made`: it is new. `again`: the same form came twice
    and this is the first one's. `mailed`: the address is registered already, nothing
    was made, and the ticket was mailed to its owner again; there is no token to show.
    `is_mailed`: False where it was made without its mail, which would have been one too
    many.
    """

    kind: Literal["made", "again", "mailed"]
    registration_id: int
    token: str | None
    state: State
    is_mailed: bool = True


# --- registering --------------------------------------------------------------------


def refuse_unless_open(event: Event, now: datetime) -> None:
    """Raise the refusal of a form that takes nobody at `now`, which says why."""
    phase = event.phase(now)
    if phase != Phase.OPEN:
        raise REFUSAL_BY_PHASE[phase](opens_at=event.opens_at, title=event.title)


def prepare(
    event: Event, request: RegistrationRequest, *, code_key: bytes, now: datetime
) -> PreparedRegistration:
    """Check the rules that the clock and the form decide, and make codes and links.

    Touches no database: call it before `writing()`. `event` is the definition the form
    was checked against; a later change of it is noticed when the seats are claimed.
    Raises the refusals of a closed form, PartyTooLarge, and ValueError for an admission
    of another event or an empty party.
    """
    refuse_unless_open(event, now)
    admission = next(
        (a for a in event.admissions if a.id == request.admission_id), None
    )
    if admission is None or not request.party:
        raise ValueError("no such admission, or nobody to seat")
    seats = len(request.party)
    if seats > largest_party(event, admission):
        raise errors.PartyTooLarge(limit=largest_party(event, admission))

    registration_uuid, reference = uuid4(), new_reference()
    token = tokens.manage_token(code_key, registration_uuid, 0)
    row = {
        "uuid": registration_uuid,
        "event_id": event.id,
        "admission_id": admission.id,
        "reference": reference,
        "search": search_text_of(reference, request),
        "seats": seats,
        "name": request.party[0].name,
        "email": request.email,
        "email_key": request.email_key,
        "language": request.language,
        "answers": request.answers,
        "is_single": not event.several,
        "submission": request.submission,
        "line_number": None,
        "fewer_ok": request.fewer_ok and seats > 1,
        "invitation_id": None,
        "link_version": 0,
        "link_id": tokens.link_id(token),
        "registered_at": now,
        "state_since": now,
    } | first_state(event, now)
    attendees = [
        attendee_row(event.id, position, person, code_key)
        for position, person in enumerate(request.party)
    ]
    consents = [
        {"consent_id": consent_id, "given": given, "at": now}
        for consent_id, given in request.consents.items()
    ]
    return PreparedRegistration(
        event=event,
        admission=admission,
        request=request,
        token=token,
        row=row,
        attendees=attendees,
        consents=consents,
        mailbox=tokens.mailbox_hash(code_key, mailbox_of(request.email_key)),
        code_key=code_key,
        now=now,
    )


def first_state(event: Event, now: datetime) -> dict[str, Any]:
    """Return the state of a new registration whose seats are free, or not claimed."""
    if event.is_by_approval:
        return {"state": State.REQUESTED, "decide_by": None}
    if event.confirm_address:
        return {"state": State.HELD, "decide_by": deadlines.address_deadline(now)}
    return {"state": State.CONFIRMED, "decide_by": None}


def register(
    plan: PreparedRegistration, *, under_lock: bool = False, actor: str = "attendee"
) -> Outcome:
    """Write a prepared registration: confirmed if its seats are free (held, where the
    address is to be confirmed first), else in line; requested where places go by
    approval.

    Where one cap applies, a single UPDATE decides, last thing before the commit. If it
    says no, RetryUnderLock asks to be called again with `under_lock=True`, which looks
    under the event's lock (`db.write` does that). Where its mail would be one too many
    it is made without; TooManyMails is raised where that can't be: for a place that the
    mail is to confirm, and for an address that is registered already. Raises
    StaleEvent, AdmissionFull (where no line is kept), WaitlistFull and
    InvalidInvitation, too; then nothing has been written.
    """
    event = plan.event
    mail_limits.lock_mark(plan.mailbox)
    is_over_limit = mail_limits.is_mailbox_at_limit(plan.mailbox, event.id, plan.now)
    if under_lock or not needs_no_lock(plan):
        return register_under_lock(plan, is_over_limit, actor)

    registration_id = insert_registration(plan.row)
    if registration_id is None:
        # What an address has may be over, or somebody else's whom it waits for: then
        # the lock settles that first.
        is_settled = not waitlist.has_due_expiry(event, plan.now)
        if is_settled and (outcome := find_earlier(plan, is_over_limit)):
            return outcome
        # Or another's reference or submission: the second time both are new.
        raise errors.RetryUnderLock
    refuse_without_mail(plan.row, is_over_limit)
    insert_related(plan, registration_id, actor, is_over_limit=is_over_limit)
    if not capacity.claim_seats_without_lock(
        plan.admission.id, plan.row["seats"], event.version
    ):
        raise errors.RetryUnderLock
    state = plan.row["state"]
    return Outcome("made", registration_id, plan.token, state, not is_over_limit)


def refuse_without_mail(row: dict[str, Any], is_over_limit: bool) -> None:
    """Refuse a place that is held until its mail is answered where there is no mail."""
    if is_over_limit and row["state"] == State.HELD:
        raise errors.TooManyMails(limit=mail_limits.MAX_PER_DAY)


def needs_no_lock(plan: PreparedRegistration) -> bool:
    """Whether one statement can tell if there is a seat: not where the room has a cap
    of its own, where none is claimed yet, or where an invitation's uses are counted."""
    event = plan.event
    return not (
        capacity.under_room_cap(event, plan.admission)
        or event.is_by_approval
        or event.needs_invitation
    )


def register_under_lock(
    plan: PreparedRegistration, is_over_limit: bool, actor: str
) -> Outcome:
    locked = waitlist.lock_and_expire(plan.event.id, plan.now)
    event, admission = locked.event, locked.admissions[plan.admission.id]
    if event.version != plan.event.version:
        raise errors.StaleEvent
    if outcome := find_earlier(plan, is_over_limit):
        return outcome

    seats, row, place = plan.row["seats"], plan.row | new_identifiers(plan), None
    if event.needs_invitation:
        invitation = invitations.lock_usable(
            event.id, plan.request.invitation or "", plan.now
        )
        row["invitation_id"] = invitation.id
    if not event.is_by_approval and not claim_for_newcomer(locked, admission, seats):
        place = waitlist.position(event, admission)
        number = waitlist.join(locked, admission, seats)
        row |= {"state": State.WAITLISTED, "line_number": number, "decide_by": None}
    registration_id = insert_registration(row)
    if registration_id is None:
        # Somebody registered this address in the moment since we looked.
        raise errors.RetryUnderLock
    refuse_without_mail(row, is_over_limit)
    insert_related(
        replace(plan, row=row),
        registration_id,
        actor,
        place,
        is_over_limit=is_over_limit,
    )
    state = row["state"]
    if state == State.WAITLISTED and row["fewer_ok"]:
        # Not all of them fit, but some may, and fewer are fine.
        moved_up = waitlist.promote(locked, actor=actor, now=plan.now)
        state = State.OFFERED if registration_id in moved_up else state
    return Outcome("made", registration_id, plan.token, state, not is_over_limit)


def claim_for_newcomer(locked: LockedEvent, admission: Admission, seats: int) -> bool:
    """Claim seats for a newcomer, if nobody who waits could use them."""
    free = waitlist.has_seats_for_newcomer(locked, admission, seats)
    return free and capacity.claim_seats(locked, admission, seats)


def new_identifiers(plan: PreparedRegistration) -> dict[str, Any]:
    """Return a new reference; and no submission if another address used it, which
    happens when somebody goes back in the browser and registers somebody else."""
    submission = plan.request.submission
    if submission is not None:
        used = select(Registration.id).where(
            Registration.event_id == plan.event.id,
            Registration.submission == submission,
        )
        submission = None if current_session().scalar(used) else submission
    reference = new_reference()
    return {
        "reference": reference,
        "search": search_text_of(reference, plan.request),
        "submission": submission,
    }


def insert_registration(row: dict[str, Any]) -> int | None:
    connection = current_connection()
    row_id: int | None = connection.execute(
        INSERT_REGISTRATION[connection.dialect.name], row
    ).scalar_one_or_none()
    return row_id


def insert_related(
    plan: PreparedRegistration,
    registration_id: int,
    actor: str,
    place: int | None = None,
    *,
    is_over_limit: bool,
) -> None:
    """Insert the party, the consents, the audit entry and the mail of a new
    registration, or why it has none."""
    connection = current_connection()
    key = {"registration_id": registration_id}
    connection.execute(INSERT_ATTENDEES, [row | key for row in plan.attendees])
    if plan.consents:
        connection.execute(INSERT_CONSENTS, [row | key for row in plan.consents])
    state = plan.row["state"]
    audit.record(
        Verb.REGISTER,
        actor=actor,
        now=plan.now,
        event_id=plan.event.id,
        registration_id=registration_id,
        states=(None, state),
        details={"seats": plan.row["seats"]},
    )
    if is_over_limit:
        outbox.record_not_mailed(
            plan.event.id,
            registration_id,
            state,
            outbox.STATUS_KIND_BY_STATE[state],
            Cause.FORM,
            plan.now,
        )
        return
    outbox.enqueue_to_address(
        outbox.STATUS_KIND_BY_STATE[state],
        event_id=plan.event.id,
        registration_id=registration_id,
        recipient=plan.request.email,
        recipient_key=plan.request.email_key,
        facts=outbox.build_facts(
            plan.admission,
            [row["uuid"] for row in plan.attendees],
            place,
            **deadline_facts(plan.row["decide_by"]),
        ),
        now=plan.now,
        is_first=True,
        from_form=True,
        mailbox=plan.mailbox,
    )


def deadline_facts(decide_by: datetime | None) -> dict[str, str]:
    return {} if decide_by is None else {"until": decide_by.isoformat()}


# --- the same again -----------------------------------------------------------------


def find_earlier(plan: PreparedRegistration, is_over_limit: bool) -> Outcome | None:
    """Return the outcome that this form, or this address, already has."""
    if outcome := find_by_submission(plan):
        return outcome
    earlier = find_by_address(plan)
    if earlier is None:
        return None
    if is_over_limit:
        # Nobody is told of a mail that is not written.
        raise errors.TooManyMails(limit=mail_limits.MAX_PER_DAY)
    return resend_ticket(plan, earlier)


def find_by_submission(plan: PreparedRegistration) -> Outcome | None:
    """Return the registration that this very form made before: a double click, a
    reload."""
    if plan.request.submission is None:
        return None
    query = select(
        Registration.id,
        Registration.uuid,
        Registration.link_version,
        Registration.state,
        Registration.registered_at,
    ).where(
        Registration.event_id == plan.event.id,
        Registration.submission == plan.request.submission,
        # Whoever copies a submission id learns nothing without the address.
        Registration.email_key == plan.request.email_key,
    )
    row = current_connection().execute(query).one_or_none()
    if row is None:
        return None
    token = tokens.manage_token(plan.code_key, row.uuid, row.link_version)
    # Of two clicks people see the answer to the second.
    is_mailed = outbox.was_mailed(row.id, row.registered_at)
    return Outcome("again", row.id, token, State(row.state), is_mailed)


def find_by_address(plan: PreparedRegistration) -> Registration | None:
    """Return the live registration this address already has for the admission."""
    if plan.event.several:
        return None
    return current_session().scalar(
        select(Registration).where(
            Registration.admission_id == plan.admission.id,
            Registration.email_key == plan.request.email_key,
            Registration.state.in_(LIVE_STATES),
            Registration.is_single,
        )
    )


def resend_ticket(plan: PreparedRegistration, earlier: Registration) -> Outcome:
    """Mail the ticket to its owner once more; the page must not tell whose it is."""
    place = None
    if earlier.state == State.WAITLISTED:
        place = waitlist.position(plan.event, plan.admission, earlier.line_number)
    outbox.enqueue_again(earlier, cause=Cause.FORM, now=plan.now, place=place)
    return Outcome("mailed", earlier.id, None, State(earlier.state))


# --- making -------------------------------------------------------------------------


def largest_party(event: Event, admission: Admission) -> int:
    """Return how many people one registration may bring: the event's limit, and no more
    than could ever be seated together beside those whose seats are reserved."""
    caps = [event.party_max]
    if admission.capacity is not None:
        caps.append(admission.capacity - admission.reserved)
    if admission.counts_in_room and event.room_capacity is not None:
        caps.append(event.room_capacity - event.reserved_seats)
    return max(0, min(caps))


def attendee_row(
    event_id: int, position: int, person: RequestedAttendee, code_key: bytes
) -> dict[str, Any]:
    attendee_uuid = uuid4()
    ticket = tokens.ticket_token(code_key, attendee_uuid, 0)
    return {
        "uuid": attendee_uuid,
        "event_id": event_id,
        "position": position,
        "state": AttendeeState.COMING,
        "name": person.name,
        "answers": person.answers,
        "code_version": 0,
        "code_key_id": tokens.key_id(code_key),
        "code_id": tokens.code_id(tokens.attendee_code(code_key, attendee_uuid, 0)),
        "ticket_id": tokens.link_id(ticket),
    }


def search_text_of(reference: str, request: RegistrationRequest) -> str:
    """Return the text that an organizer finds the registration by."""
    names = (person.name for person in request.party)
    return search_text(reference, request.email, names)


def new_reference() -> str:
    """Return eight characters to read over the phone; they open nothing by
    themselves."""
    return "".join(
        secrets.choice(keyboard_layouts.ALPHABET) for _ in range(REFERENCE_LENGTH)
    )
