"""What people use: no file may take it away, and all may be told that it is off."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from rsvp.db import write_optimistic
from rsvp.domain.events import mapping
from rsvp.domain.registrations import create
from rsvp.errors import InUse
from rsvp.extensions import db
from rsvp.models import Admission, AuditEntry, Message, Question
from rsvp.models.event import Allocation, QuestionScope, QuestionType, Status
from rsvp.models.message import MessageKind
from rsvp.queries import events as event_queries
from tests.support.event_files import (
    BRING,
    DIET,
    EVENT_FILE,
    HALL,
    ONLINE,
    TABLE,
    count_rows,
    get_event,
    publish,
)
from tests.support.factories import CODE_KEY, NOON, cancel, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

# --- what people use ----------------------------------------------------------------


def register_with_answers(party_answers, **wanted):
    page = event_queries.load_detached_event("evening")
    hall = next(a for a in page.admissions if a.key == "hall")
    plan = create.prepare(
        page,
        create.RegistrationRequest(
            admission_id=hall.id,
            email="ada@example.org",
            email_key="ada@example.org",
            party=(create.RequestedAttendee("Ada", party_answers),),
            **wanted,
        ),
        code_key=CODE_KEY,
        now=NOON,
    )
    return write_optimistic(create.register, plan)


@pytest.fixture
def used(app):
    """An evening with one registration that answered everything."""
    publish()
    return register_with_answers(
        {"bring": ["Bread", "Salt"]}, answers={"diet": "Nuts", "table": "B"}
    )


USED = [
    (
        {"admissions": (ONLINE,), "questions": (DIET, TABLE, BRING)},
        ("admission", "hall", "removed", "admissions"),
    ),
    (
        {"admissions": (replace(HALL, key="main-hall"), ONLINE)},
        ("admission", "hall", "removed", "admissions"),
    ),
    ({"questions": (TABLE, BRING)}, ("question", "diet", "removed", "questions")),
    ({"questions": (DIET, TABLE)}, ("question", "bring", "removed", "questions")),
    (
        {"questions": (DIET, TABLE, replace(BRING, per=QuestionScope.REGISTRATION))},
        ("question", "bring", "per", "questions[2].per"),
    ),
    (
        {
            "questions": (
                replace(DIET, type=QuestionType.CHOICE, options=("Nuts",)),
                TABLE,
                BRING,
            )
        },
        ("question", "diet", "type", "questions[0].type"),
    ),
    (
        {"questions": (DIET, replace(TABLE, options=("A", "C")), BRING)},
        ("option", "B", "removed", "questions[1].options"),
    ),
    (
        {"questions": (DIET, TABLE, replace(BRING, options=("Bread", "Soup")))},
        ("option", "Salt", "removed", "questions[2].options"),
    ),
    ({"status": Status.DRAFT}, ("status", "published", "draft", "status")),
]


@for_each(("changes", "facts"), USED)
def test_what_people_use_stays(used, changes, facts):
    with pytest.raises(InUse) as refused:
        publish(title="Night", **changes)

    kind, key, change, at = facts
    assert refused.value.facts == {
        "kind": kind,
        "key": key,
        "change": change,
        "people": 1,
        "at": at,
    }
    assert mapping.to_definition(get_event()) == EVENT_FILE
    assert get_event().version == 1


@for_each("changes", [changes for changes, _ in USED])
def test_what_nobody_uses_can_go(app, changes):
    publish()

    publish(**changes)

    assert mapping.to_definition(get_event()) == replace(EVENT_FILE, **changes)


@for_each(
    "changes",
    [
        {"admissions": (HALL,)},
        {"questions": (replace(DIET, type=QuestionType.LONG_TEXT), TABLE, BRING)},
        {"questions": (DIET, replace(TABLE, options=("D", "B")), BRING)},
        {"questions": (DIET, TABLE, replace(BRING, options=("Salt", "Bread")))},
        {"questions": (DIET, replace(TABLE, only_for=("online",)), BRING)},
    ],
    fresh=True,
)
def test_around_what_people_use_the_rest_may_change(used, changes):
    publish(**changes)

    assert mapping.to_definition(get_event()) == replace(EVENT_FILE, **changes)


APPROVAL = replace(EVENT_FILE.registration, allocation=Allocation.APPROVAL)


def test_requests_are_decided_on_as_they_were_made(app):
    publish(registration=APPROVAL)
    register(get_event())

    with pytest.raises(InUse) as refused:
        publish()

    assert refused.value.facts == {
        "kind": "allocation",
        "key": "approval",
        "change": "first_come",
        "people": 1,
        "at": "registration.allocation",
    }
    assert publish(registration=APPROVAL, title="Night").changed == ["title"]


@for_each("before", [APPROVAL, EVENT_FILE.registration])
def test_without_open_requests_places_may_be_given_in_another_way(app, before):
    publish(registration=before)
    after = APPROVAL if before != APPROVAL else EVENT_FILE.registration

    assert publish(registration=after).changed == ["registration"]


def test_an_admission_stays_for_those_who_cancelled(used):
    cancel(used)

    with pytest.raises(InUse):
        publish(admissions=(ONLINE,))


def test_a_removed_row_is_gone(app):
    publish()

    publish(admissions=(HALL,), questions=())

    assert count_rows(Admission) == 1
    assert count_rows(Question) == 0


# --- cancelling ---------------------------------------------------------------------


def test_cancelling_an_event_tells_everybody_who_is_registered_or_waits(app):
    publish()
    register(get_event(), "Ada", "Ben", "Cem", email="ada@example.org")
    register(get_event(), email="waiting@example.org")
    gone = register(get_event(), admission="online", email="gone@example.org")
    cancel(gone)

    publish(status=Status.CANCELLED)

    told = db.session.scalars(
        select(Message.recipient)
        .where(Message.kind == MessageKind.EVENT_CANCELLED)
        .order_by(Message.id)
    )
    assert list(told) == ["ada@example.org", "waiting@example.org"]
    entry = db.session.scalars(
        select(AuditEntry).order_by(AuditEntry.id.desc())
    ).first()
    assert (entry.from_state, entry.to_state) == ("published", "cancelled")


def test_an_event_that_people_were_told_is_off_stays_off(app):
    publish()
    register(get_event())
    publish(status=Status.CANCELLED)

    with pytest.raises(InUse):
        publish()


def test_an_event_called_off_before_anybody_came_can_be_on_again(app):
    publish(status=Status.CANCELLED)

    assert publish().changed == ["status"]
