"""Mailings: organizers write to a part of the list, once each, now or later."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from rsvp import errors
from rsvp.db import write, writing
from rsvp.domain import mailings, privacy
from rsvp.domain.events import lifecycle
from rsvp.extensions import db
from rsvp.jobs import tasks as jobs
from rsvp.models import Attendee, AuditEntry, Event, Mailing, Message, Registration
from rsvp.models.event import Status
from rsvp.queries import mailings as mailing_queries
from tests.support.door import make_phone, record_scan
from tests.support.event_files import publish
from tests.support.factories import NOON, cancel, make_event, register
from tests.support.for_each import for_each
from tests.support.mailings import ADA, draft_mailing, schedule_mailing

pytestmark = pytest.mark.one_engine

LATER = NOON + timedelta(hours=5)


def send(event, now=NOON, **wanted) -> int:
    mailing_id = draft_mailing(event, **wanted)
    schedule_mailing(mailing_id, now=now)
    jobs.send_mailings(now)
    return mailing_id


def stop(mailing_id, now=NOON) -> int:
    return write(mailings.stop, mailing_id, actor=ADA, now=now)


def told(mailing_id, **where) -> list[str]:
    db.session.rollback()
    wanted = select(Message.recipient).where(Message.mailing_id == mailing_id)
    rows = db.session.scalars(wanted.filter_by(**where).order_by(Message.id))
    return [address.partition("@")[0] for address in rows]


def stored(mailing_id) -> Mailing:
    db.session.rollback()
    return db.session.get_one(Mailing, mailing_id)


def set_rows(model, condition, **values) -> None:
    with writing() as session:
        session.execute(update(model).where(condition).values(**values))


def come(event, *names, **wanted) -> None:
    for name in names:
        register(event, name, email=f"{name}@example.org", **wanted)


# --- to whom ------------------------------------------------------------------------

QUESTIONS = (
    {"key": "table", "type": "choice", "options": ["Long", "Röund"]},
    {"key": "help", "type": "choices", "options": ["Cooking", "Chairs"]},
    {"key": "first", "type": "yes_no"},
    {"key": "meal", "type": "choice", "options": ["Soup"], "per": "attendee"},
)


@pytest.fixture
def evening(app) -> Event:
    """Ada, Bo and Cy have a place, Di waits and Ed has cancelled."""
    event = make_event(
        {"capacity": 3},
        {"key": "web", "mode": "online", "capacity": None},
        questions=QUESTIONS,
    )
    come(event, "ada", answers={"table": "Röund", "help": ["Chairs"], "first": True})
    come(event, "bo", answers={"table": "Long", "first": False})
    come(event, "cy", admission="web", answers={"help": ["Cooking", "Chairs"]})
    ed = register(event, "ed", email="ed@example.org")
    come(event, "fay")
    cancel(ed)
    come(event, "di", answers={"table": "Long"})
    return event


@pytest.mark.both_engines
@for_each(
    ("wanted", "who"),
    [
        ({}, "ada bo cy fay"),
        ({"states": []}, "ada bo cy ed fay di"),
        ({"states": ["waitlisted", "cancelled"]}, "ed di"),
        ({"admission": "web"}, "cy"),
        ({"admission": "balcony"}, ""),
        ({"question": "table", "answer": "Röund"}, "ada"),
        ({"question": "table", "answer": "Long"}, "bo"),
        ({"question": "help", "answer": "Chairs"}, "ada cy"),
        ({"question": "first", "answer": True}, "ada"),
        ({"question": "first", "answer": False}, "bo"),
        ({"question": "gone", "answer": "Long"}, ""),
        ({"states": [], "question": "table", "answer": "Long"}, "bo di"),
        ({"checked_in": False, "admission": "web"}, "cy"),
        ({"checked_in": True}, ""),
    ],
)
def test_a_mail_goes_to_whoever_is_on_its_list(evening, wanted, who):
    mailing_id = send(evening, **wanted)

    assert sorted(told(mailing_id)) == sorted(who.split())
    assert stored(mailing_id).state == "sent"
    assert stored(mailing_id).total == len(who.split())
    found = mailing_queries.mailing_filter(evening, stored(mailing_id).wanted)
    assert mailing_queries.count_reach(evening.id, found).reached == len(who.split())


@pytest.mark.both_engines
def test_what_each_attendee_answered_counts_while_they_come(evening):
    party = register(evening, "gil", "hal", email="gil@example.org", admission="web")
    guest = Attendee.registration_id == party.registration_id, Attendee.position == 1
    set_rows(Attendee, guest[0] & guest[1], answers={"meal": "Soup"})
    assert told(send(evening, question="meal", answer="Soup")) == ["gil"]

    set_rows(Attendee, guest[0] & guest[1], state="cancelled")

    assert told(send(evening, question="meal", answer="Soup")) == []


@pytest.mark.both_engines
def test_those_who_were_in_are_told_apart(evening):
    at_doors = evening.doors_open_at
    ada = db.session.scalars(select(Attendee).where(Attendee.name == "ada")).one()
    phone = make_phone(evening, "Main entrance", at_doors)
    record_scan(phone, ada, now=at_doors)

    assert told(send(evening, checked_in=True)) == ["ada"]
    assert told(send(evening, checked_in=False)) == ["bo", "cy", "fay"]


def test_those_asked_whether_they_come_are_told_apart(evening):
    named = {who: Registration.name == who for who in ("ada", "bo", "cy")}
    for who, values in (
        ("ada", {}),
        ("bo", {"answered_at": NOON}),
        ("cy", {"flagged_at": NOON}),
    ):
        set_rows(Registration, named[who], asked_at=NOON, **values)

    assert told(send(evening, coming="asked")) == ["ada"]
    assert told(send(evening, coming="yes")) == ["bo"]
    assert told(send(evening, coming="flagged")) == ["cy"]


@pytest.mark.both_engines
@for_each(
    "values",
    [
        {"muted_at": NOON},
        {"address_failed_at": NOON},
        {"state": "held", "decide_by": LATER},
        {"state": "lapsed", "ended_from": "held"},
    ],
    fresh=True,
)
def test_who_asked_for_no_more_or_can_not_be_reached_is_left_out(evening, values):
    set_rows(Registration, Registration.name == "bo", **values)

    mailing_id = send(evening, states=["confirmed", "held", "lapsed"])

    assert told(mailing_id) == ["ada", "cy", "fay"]
    found = mailing_queries.mailing_filter(evening, stored(mailing_id).wanted)
    assert mailing_queries.count_reach(evening.id, found).skipped == 1


def test_who_asked_to_be_forgotten_is_left_out(evening):
    bo = db.session.scalars(select(Registration).where(Registration.name == "bo")).one()
    number = bo.id
    write(privacy.erase_registration, number, actor="attendee", now=NOON)

    assert "" not in told(send(evening, states=[]))


def test_the_list_is_that_of_the_moment_it_is_sent(app):
    event = make_event()
    come(event, "ada", "bo")
    mailing_id = draft_mailing(event)
    schedule_mailing(mailing_id, LATER)
    come(event, "cy")
    cancel(register(event, "di", email="di@example.org"))
    set_rows(Registration, Registration.name == "bo", muted_at=NOON)

    jobs.send_mailings(LATER)

    assert told(mailing_id) == ["ada", "cy"]


# --- when ---------------------------------------------------------------------------


@pytest.mark.both_engines
def test_it_goes_when_they_say_and_once(app):
    event = make_event()
    come(event, "ada")
    mailing_id = draft_mailing(event)

    assert jobs.send_mailings(LATER) == 0
    schedule_mailing(mailing_id, LATER)
    assert jobs.send_mailings(LATER - timedelta(seconds=1)) == 0
    assert stored(mailing_id).state == "scheduled"
    assert jobs.send_mailings(LATER) == 1
    come(event, "bo", now=LATER)
    assert jobs.send_mailings(LATER + timedelta(days=1)) == 0

    assert told(mailing_id) == ["ada"]
    message = db.session.scalars(select(Message).where(Message.kind == "note")).one()
    assert (message.rank, message.domain) == (2, "example.org")
    assert (message.due_at, message.occasion) == (LATER, f"mailing:{mailing_id}")
    assert stored(mailing_id).finished_at == LATER


@pytest.mark.both_engines
@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.soak)])
def test_workers_at_once_write_to_each_once(app, monkeypatch, workers):
    monkeypatch.setattr(mailings, "BATCH_SIZE", 3)
    event = make_event({"capacity": None})
    come(event, *(f"guest-{number:02}" for number in range(14)))
    mailing_id = draft_mailing(event)
    schedule_mailing(mailing_id)
    db.session.remove()
    start = threading.Barrier(workers, timeout=30)

    def work(_):
        with app.app_context():
            start.wait()
            try:
                return jobs.send_mailings(NOON)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(workers) as pool:
        reached = sum(pool.map(work, range(workers)))

    assert reached == 14
    assert told(mailing_id) == [f"guest-{number:02}" for number in range(14)]
    assert (stored(mailing_id).state, stored(mailing_id).total) == ("sent", 14)


def test_one_that_was_written_before_is_not_written_again(app):
    """As if a worker had died between the mails and noting how far it had come."""
    event = make_event()
    come(event, "ada", "bo")
    mailing_id = send(event)
    again = {"state": "sending", "reached_id": 0}
    set_rows(Mailing, Mailing.id == mailing_id, **again)

    jobs.send_mailings(NOON)

    assert told(mailing_id) == ["ada", "bo"]
    assert stored(mailing_id).total == 2


@pytest.mark.both_engines
def test_one_that_broke_off_goes_on_where_it_was(app, monkeypatch):
    monkeypatch.setattr(mailings, "BATCH_SIZE", 2)
    event = make_event()
    come(event, "ada", "bo", "cy")
    mailing_id = draft_mailing(event)
    schedule_mailing(mailing_id)

    assert write(jobs.send_mailing_batch, mailing_id, NOON) == 2
    assert stored(mailing_id).state == "sending"
    assert jobs.send_mailings(NOON) == 1

    assert told(mailing_id) == ["ada", "bo", "cy"]


# --- stopping -----------------------------------------------------------------------


def test_stopping_keeps_back_what_has_not_gone_out(app, monkeypatch):
    monkeypatch.setattr(mailings, "BATCH_SIZE", 3)
    event = make_event()
    come(event, "ada", "bo", "cy", "di")
    mailing_id = draft_mailing(event)
    schedule_mailing(mailing_id)
    write(jobs.send_mailing_batch, mailing_id, NOON)
    mine = Message.mailing_id == mailing_id
    is_adas = mine & Message.recipient.startswith("ada")
    set_rows(Message, is_adas, state="sent", sent_at=NOON)
    leased = {"lease_until": NOON + timedelta(minutes=10), "attempts": 1}
    set_rows(Message, mine & Message.recipient.startswith("bo"), **leased)

    assert stop(mailing_id) == 2

    assert jobs.send_mailings(NOON) == 0
    assert stored(mailing_id).state == "stopped"
    # A worker has one in hand: what it is sending goes out, but nothing is tried again.
    assert told(mailing_id, state="superseded") == ["bo", "cy"]
    found = mailing_queries.progress_by_mailing([mailing_id])[mailing_id]
    assert (found.total, found.sent, found.waiting, found.stopped) == (3, 1, 0, 2)
    with pytest.raises(errors.NothingToStop):
        stop(mailing_id)


def test_one_whose_time_has_not_come_is_stopped_for_nobody(app):
    event = make_event()
    come(event, "ada")
    mailing_id = draft_mailing(event)
    with pytest.raises(errors.NothingToStop):
        stop(mailing_id)
    schedule_mailing(mailing_id, LATER)

    assert stop(mailing_id) == 0

    assert jobs.send_mailings(LATER) == 0
    assert told(mailing_id) == []


def test_what_waits_in_the_outbox_can_still_be_stopped(app):
    event = make_event()
    come(event, "ada", "bo")
    mailing_id = send(event)

    assert stop(mailing_id) == 2

    again = send(event)
    set_rows(Message, Message.mailing_id == again, state="sent")
    with pytest.raises(errors.NothingToStop):
        stop(again)


# --- rules --------------------------------------------------------------------------


def test_only_a_draft_is_changed_sent_or_thrown_away(app):
    event = make_event()
    mailing_id, unwanted = draft_mailing(event), draft_mailing(event)
    write(mailings.update_draft, mailing_id, subject="Soup", text="Six", recipients={})
    write(mailings.delete_draft, unwanted)
    assert stored(mailing_id).subject == "Soup"
    assert db.session.get(Mailing, unwanted) is None
    schedule_mailing(mailing_id)

    for change in (
        partial(mailings.update_draft, subject="a", text="b", recipients={}),
        mailings.delete_draft,
        partial(mailings.schedule, actor=ADA, now=NOON),
    ):
        with pytest.raises(errors.MailingNotDraft):
            write(change, mailing_id)


@pytest.mark.both_engines
def test_an_event_sends_so_many_a_day(app):
    event, other = make_event(), make_event()
    for _ in range(mailings.MAX_PER_DAY):
        schedule_mailing(draft_mailing(event), LATER)

    more = draft_mailing(event)
    for at in (None, LATER, LATER + timedelta(hours=23)):
        with pytest.raises(errors.TooManyMailings):
            schedule_mailing(more, at)
    schedule_mailing(draft_mailing(other))
    first = db.session.scalars(select(Mailing.id).order_by(Mailing.id)).first()
    stop(first)
    schedule_mailing(more)
    schedule_mailing(draft_mailing(event), LATER + timedelta(hours=25))


def test_a_cancelled_event_is_explained_a_draft_and_an_erased_one_are_not(app):
    off = make_event(status="cancelled")
    assert stored(send(off)).state == "sent"

    for values in ({"status": "draft"}, {"erased_at": NOON}):
        event = make_event(**values)
        with pytest.raises(errors.NobodyToWriteTo):
            draft_mailing(event)
    event = make_event()
    mailing_id = draft_mailing(event)
    set_rows(Event, Event.id == event.id, erased_at=NOON)
    with pytest.raises(errors.NobodyToWriteTo):
        schedule_mailing(mailing_id)


def by_button(event_id: int) -> None:
    write(lifecycle.cancel_event, event_id, actor=ADA, now=NOON)


def by_file(_event_id: int) -> None:
    publish(status=Status.CANCELLED)


@for_each("call_off", [by_button, by_file], fresh=True)
def test_what_was_to_go_out_later_is_not_sent_once_the_event_is_off(app, call_off):
    event = db.session.get_one(Event, publish().event_id)
    register(event, admission="hall")
    begun, later, kept = send(event), draft_mailing(event), draft_mailing(event)
    schedule_mailing(later, send_at=LATER)
    call_off(event.id)
    jobs.send_mailings(LATER)

    states = [stored(one).state for one in (begun, later, kept)]
    assert states == ["sent", "stopped", "draft"]
    assert told(later) == []
    assert len(told(begun, state="queued")) == 1


def test_one_that_is_stopped_at_that_moment_does_not_keep_the_event_on(
    app, monkeypatch
):
    event = make_event()
    come(event, "ada")
    stopped, later = draft_mailing(event), draft_mailing(event)
    schedule_mailing(stopped, send_at=LATER)
    schedule_mailing(later, send_at=LATER)
    # Read before the other one's commit, and looked at after it.
    read = mailings.scheduled_mailings(event.id)
    stop(stopped)
    monkeypatch.setattr(mailings, "scheduled_mailings", lambda _event_id: read)

    by_button(event.id)

    assert stored(later).state == "stopped"
    assert db.session.get_one(Event, event.id).status == Status.CANCELLED


def test_with_an_events_data_its_mails_are_forgotten(app):
    event = make_event()
    come(event, "ada")
    sent, waits = send(event), draft_mailing(event)
    over = event.ends_at + timedelta(days=31)
    schedule_mailing(waits, over)

    write(privacy.erase_due, event.id, actor="worker", now=over)
    jobs.send_mailings(over)

    assert (stored(sent).subject, stored(sent).text) == ("", "")
    assert stored(waits).state == "stopped"
    assert told(sent) == [""]


def test_the_log_says_who_sent_and_stopped_it_and_names_nobody(app):
    event = make_event()
    come(event, "ada")
    mailing_id = send(event)
    stop(mailing_id)

    wanted = select(AuditEntry).where(AuditEntry.verb.endswith("mailing"))
    entries = db.session.scalars(wanted.order_by(AuditEntry.id)).all()
    assert [(e.verb, e.actor, e.details) for e in entries] == [
        ("send_mailing", ADA, {"mailing": mailing_id}),
        ("stop_mailing", ADA, {"mailing": mailing_id, "stopped": 1}),
    ]
