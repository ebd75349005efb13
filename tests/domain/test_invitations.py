"""Invitations: codes that work so often and so long, and how far they are used."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, select, update

from rsvp import errors, tokens
from rsvp.db import write, writing
from rsvp.domain import capacity, invariants, invitations
from rsvp.extensions import db
from rsvp.models import AuditEntry, Event, Invitation, Registration
from rsvp.models.event import Status, Visibility
from rsvp.models.registration import State
from rsvp.queries import invitations as invitation_queries
from tests.support.factories import CODE_KEY, NOON, cancel, make_event, register
from tests.support.for_each import for_each
from tests.support.registrations import run_at_once

pytestmark = pytest.mark.one_engine

ACTOR = "user:1"
LATER = NOON + timedelta(days=1)


def invite(event, count=1, uses_max=1, expires_at=None, label=None, now=NOON):
    """The codes of new invitations, committed."""
    with writing():
        made = invitations.create(
            event.id,
            count=count,
            uses_max=uses_max,
            expires_at=expires_at,
            label=label,
            code_key=CODE_KEY,
            actor=ACTOR,
            now=now,
        )
    return [invitations.invitation_code(invitation, CODE_KEY) for invitation in made]


def the_invitation(event, code) -> Invitation:
    db.session.rollback()
    found = invitations.find_by_code(event.id, code)
    assert found is not None
    return found


def revoke(event, code, now=NOON):
    invitation_id = the_invitation(event, code).id
    with writing():
        invitations.revoke(invitation_id, actor=ACTOR, now=now)


def use(event, code, outcome, now=NOON):
    """Register by a code as the form does: under the event's lock."""

    def change():
        capacity.lock_event(event.id)
        invitation = invitations.lock_usable(event.id, code, now)
        db.session.execute(
            update(Registration)
            .where(Registration.id == outcome.registration_id)
            .values(invitation_id=invitation.id)
        )

    write(change)


def refusal(event, code, now=NOON):
    """Why the code lets nobody in; None where it does."""
    try:
        with writing():
            capacity.lock_event(event.id)
            invitations.lock_usable(event.id, code, now)
    except errors.InvalidInvitation as refused:
        return refused.facts["why"]
    return None


def entries(verb):
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry).filter_by(verb=verb)))


# --- making -------------------------------------------------------------------------


@pytest.mark.both_engines
def test_codes_are_made_in_bulk_and_none_is_kept(app):
    event = make_event()

    codes = invite(event, count=500, label="  The choir ")

    assert len(set(codes)) == 500
    made = db.session.scalars(select(Invitation)).all()
    assert {one.code_id for one in made} == set(map(tokens.invitation_id, codes))
    assert {(one.label, one.created_by) for one in made} == {("The choir", ACTOR)}
    [entry] = entries("make_invitations")
    assert (entry.actor, entry.event_id) == (ACTOR, event.id)
    assert entry.details == {"count": 500, "uses": 1}
    assert invariants.find_problems(NOON) == []


@for_each(
    "asked",
    [
        {"count": 0},
        {"count": -1},
        {"count": 501},
        {"uses_max": 0},
        {"uses_max": -3},
        {"uses_max": 100_001},
        {"expires_at": NOON},
        {"expires_at": datetime(2027, 1, 20, 12, 0)},
        {"label": "x" * 201},
    ],
    ids=str,
)
def test_invitations_that_make_no_sense_are_not_made(app, asked):
    event = make_event()

    with pytest.raises(ValueError, match=next(iter(asked))):
        invite(event, **asked)

    assert invitation_queries.list_invitations(event.id) == []


@for_each(
    ("asked", "uses_max"),
    [({"uses_max": 100_000}, 100_000), ({"uses_max": None}, None)],
)
def test_the_most_uses_are_many_or_without_limit(app, asked, uses_max):
    event = make_event()

    invite(event, label=" ", **asked)

    [issued] = invitation_queries.list_invitations(event.id)
    assert (issued.invitation.uses_max, issued.invitation.label) == (uses_max, None)


def test_nobody_is_invited_to_what_is_off_or_over(app):
    event = make_event()

    with pytest.raises(errors.EventOver):
        invite(event, now=event.ends_at)
    with writing() as session:
        session.execute(update(Event).values(status=Status.CANCELLED))
    with pytest.raises(errors.EventCancelled):
        invite(event)

    assert invitation_queries.list_invitations(event.id) == []


# --- using --------------------------------------------------------------------------


def test_a_code_is_found_however_it_is_typed(app):
    event = make_event()
    [code] = invite(event)

    for typed in (code, code.lower(), code.replace("-", " "), f" {code} "):
        assert (
            invitations.find_by_code(event.id, typed).id
            == the_invitation(event, code).id
        )


def test_a_code_of_another_event_or_of_none_opens_nothing(app):
    event, other = make_event(), make_event()
    [code] = invite(other)

    for typed in (code, "", "ABCD-EFGH-JKM", "0000-0000-0000", "x" * 5000):
        assert invitations.find_by_code(event.id, typed) is None
        assert refusal(event, typed) == "unknown"
    assert refusal(other, code) is None


def test_a_code_works_until_its_end(app):
    event = make_event()
    [code] = invite(event, expires_at=LATER)

    assert refusal(event, code, LATER - timedelta(seconds=1)) is None
    assert refusal(event, code, LATER) == "ended"


def test_a_code_works_as_often_as_it_says(app):
    event = make_event()
    [code] = invite(event, uses_max=2)

    for _number in range(2):
        use(event, code, register(event))

    assert refusal(event, code) == "used_up"
    [endless] = invite(event, uses_max=None)
    for _number in range(3):
        use(event, endless, register(event))
    assert refusal(event, endless) is None


@pytest.mark.both_engines
@for_each("state", State, fresh=True)
def test_a_use_counts_until_its_registration_is_over(app, state):
    event = make_event()
    [code] = invite(event)
    one = register(event)
    use(event, code, one)
    until = {"decide_by": LATER} if state in ("held", "offered") else {}
    number = {"line_number": 1} if state in ("waitlisted", "offered") else {}
    seats = {"offered_seats": 1} if state == "offered" else {}
    with writing() as session:
        session.execute(
            update(Registration).values(state=state, **until, **number, **seats)
        )

    counts = state not in ("cancelled", "declined", "lapsed")
    assert refusal(event, code) == ("used_up" if counts else None)
    [issued] = invitation_queries.list_invitations(event.id)
    assert issued.uses == counts


def test_a_use_that_is_given_up_can_be_used_again(app):
    event = make_event()
    [code] = invite(event)
    leaving = register(event)
    use(event, code, leaving)

    cancel(leaving)
    use(event, code, register(event))

    with pytest.raises(errors.InvalidInvitation):
        use(event, code, register(event))


@pytest.mark.both_engines
def test_the_last_use_of_a_code_is_given_once(app):
    event = make_event()
    [code] = invite(event, uses_max=2)
    made = [register(event) for _ in range(6)]
    db.session.refresh(event)
    db.session.remove()
    start = threading.Barrier(6, timeout=30)

    def press(outcome):
        with app.app_context():
            start.wait()
            try:
                use(event, code, outcome)
            except errors.InvalidInvitation:
                return False
            finally:
                db.session.remove()
            return True

    with ThreadPoolExecutor(6) as pool:
        used = list(pool.map(press, made))

    assert sorted(used) == [False] * 4 + [True] * 2
    [issued] = invitation_queries.list_invitations(event.id)
    assert issued.uses == 2


@pytest.mark.both_engines
def test_of_those_who_register_by_the_last_use_at_once_one_does(app):
    event = make_event(visibility=Visibility.INVITATION)
    [code] = invite(event)
    page = SimpleNamespace(slug=event.slug)

    def come():
        return register(page, invitation=code.lower()).kind

    assert run_at_once(app, *[come] * 4) == ["made"] + ["no_invitation"] * 3
    [issued] = invitation_queries.list_invitations(event.id)
    assert issued.uses == 1
    assert invariants.find_problems(NOON) == []


@pytest.mark.both_engines
def test_who_revokes_a_code_waits_for_who_uses_it(app):
    event = make_event()
    [code] = invite(event)
    event_id, invitation_id = event.id, the_invitation(event, code).id

    def revoke_elsewhere():
        with app.app_context(), writing():
            invitations.revoke(invitation_id, actor=ACTOR, now=NOON)

    thread = threading.Thread(target=revoke_elsewhere)
    with writing():
        capacity.lock_event(event_id)
        invitations.lock_usable(event_id, code, NOON)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(20)

    assert the_invitation(event, code).revoked_at == NOON


# --- revoking -----------------------------------------------------------------------


def test_a_revoked_code_lets_nobody_in_but_who_is_registered_stays(app):
    event = make_event()
    [code, other] = invite(event, count=2, uses_max=None)
    one = register(event)
    use(event, code, one)

    revoke(event, code)
    revoke(event, code, now=LATER)

    assert refusal(event, code) == "ended"
    assert refusal(event, other) is None
    assert the_invitation(event, code).revoked_at == NOON
    [entry] = entries("revoke_invitation")
    assert (entry.actor, entry.at) == (ACTOR, NOON)
    found = {
        one.invitation.code_id: one.uses
        for one in invitation_queries.list_invitations(event.id)
    }
    assert list(found.values()) == [0, 1]
    assert invariants.find_problems(NOON) == []


@pytest.mark.both_engines
def test_the_page_of_invitations_shows_those_of_its_event_newest_first(app):
    event, other = make_event(), make_event()
    invite(other)
    first, second = invite(event, label="One"), invite(event, label="Two")

    labels = [
        one.invitation.label for one in invitation_queries.list_invitations(event.id)
    ]
    assert labels == ["Two", "One"]
    assert first != second
    with writing() as session:
        session.execute(delete(Invitation))
    assert invitation_queries.list_invitations(event.id) == []
