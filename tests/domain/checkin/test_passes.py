"""Doors: who may enrol a phone with a pass, when, and how it ends."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from rsvp import tokens
from rsvp.db import write, writing
from rsvp.domain.checkin import passes
from rsvp.errors import DoorPassFull, DoorPassInactive, PhoneStopped
from rsvp.extensions import db
from rsvp.models import AuditEntry, Device, DoorPass
from tests.support.door import DOORS_OPEN_AT, DURING_ENTRY, make_pass, make_phone
from tests.support.factories import CODE_KEY, make_event
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine


def enrol(door_pass: DoorPass, now=DURING_ENTRY, name="Main entrance") -> str:
    """Enrol one more phone and give what its cookie holds."""
    secret, pass_id = tokens.new_device_secret(), door_pass.id
    write(passes.enrol_device, pass_id, name, secret, now=now)
    return secret


@pytest.mark.both_engines
def test_a_pass_is_found_by_its_link_and_a_phone_by_its_secret(app):
    door_pass = make_pass(make_event())
    link = passes.pass_token(door_pass, CODE_KEY)
    secret = enrol(door_pass)

    assert passes.find_pass_by_token(link).id == door_pass.id
    assert passes.find_device_by_secret(secret).door_pass.id == door_pass.id
    for nobodys in ("", "x", "x" * 22, link[:-1], secret, "ä" * 22):
        assert passes.find_pass_by_token(nobodys) is None
    for nobodys in ("", link, secret.lower(), secret + "A"):
        assert passes.find_device_by_secret(nobodys) is None


def test_nothing_in_the_database_opens_a_door(app):
    door_pass = make_pass(make_event())
    secret = enrol(door_pass)
    device = passes.find_device_by_secret(secret)

    for stored in (door_pass.link_id, device.secret_id, door_pass.uuid.bytes):
        for text in (
            stored.hex(),
            tokens.link_text(stored),
            tokens.link_text(stored[:16]),
        ):
            assert passes.find_pass_by_token(text) is None
            assert passes.find_device_by_secret(text) is None


@for_each(
    ("when", "at_once", "works"),
    [
        (-timedelta(hours=24, seconds=1), False, False),
        (-timedelta(hours=24), False, True),
        (-timedelta(days=9), True, True),
        (timedelta(0), False, True),
        # The event lasts three hours and begins half an hour after doors.
        (timedelta(hours=15, minutes=29), False, True),
        (timedelta(hours=15, minutes=30), False, False),
        (timedelta(hours=15, minutes=30), True, False),
    ],
)
def test_a_pass_works_from_a_day_before_doors_until_half_a_day_after(
    app, when, at_once, works
):
    door_pass = make_pass(
        make_event(), DOORS_OPEN_AT - timedelta(days=10), at_once=at_once
    )

    if works:
        secret = enrol(door_pass, DOORS_OPEN_AT + when)
        assert passes.may_scan(
            passes.find_device_by_secret(secret), DOORS_OPEN_AT + when
        )
    else:
        with pytest.raises(DoorPassInactive) as refused:
            enrol(door_pass, DOORS_OPEN_AT + when)
        opens_at = DOORS_OPEN_AT - timedelta(hours=24) if when < timedelta(0) else None
        assert refused.value.facts == {"opens_at": opens_at}


def test_a_pass_enrols_so_many_phones(app):
    door_pass = make_pass(make_event(), phones_max=2)
    first = enrol(door_pass)
    enrol(door_pass)

    with pytest.raises(DoorPassFull) as refused:
        enrol(door_pass)
    assert refused.value.facts == {"limit": 2}

    phone = passes.find_device_by_secret(first).id
    with writing():
        passes.retire_device(phone, actor="user:1", now=DURING_ENTRY)
    enrol(door_pass)


@pytest.mark.both_engines
def test_phones_that_enrol_at_once_are_never_too_many(app):
    door_pass = make_pass(make_event(), phones_max=3)
    pass_id, start, outcomes = door_pass.id, threading.Barrier(8, timeout=30), []

    def enrol_one():
        with app.app_context():
            start.wait()
            try:
                write(
                    passes.enrol_device,
                    pass_id,
                    "Door",
                    tokens.new_device_secret(),
                    now=DURING_ENTRY,
                )
                outcomes.append("in")
            except DoorPassFull:
                outcomes.append("full")

    threads = [threading.Thread(target=enrol_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["full"] * 5 + ["in"] * 3
    db.session.rollback()
    assert db.session.query(Device).count() == 3


def test_one_phone_can_be_sent_home_without_the_others(app):
    door_pass = make_pass(make_event())
    lost, kept = enrol(door_pass), enrol(door_pass)

    with writing():
        passes.retire_device(
            passes.find_device_by_secret(lost).id, actor="user:1", now=DURING_ENTRY
        )

    assert not passes.may_scan(passes.find_device_by_secret(lost), DURING_ENTRY)
    assert passes.may_scan(passes.find_device_by_secret(kept), DURING_ENTRY)


def test_who_is_sent_home_knows_no_link_any_more_and_the_others_go_on(app):
    door_pass = make_pass(make_event(), phones_max=3)
    old = passes.pass_token(door_pass, CODE_KEY)
    lost, kept = enrol(door_pass), enrol(door_pass)
    phone = passes.find_device_by_secret(lost).id

    for _ in range(2):
        with writing():
            passes.block_device(
                phone, code_key=CODE_KEY, actor="user:1", now=DURING_ENTRY
            )

    renewed = db.session.get_one(DoorPass, door_pass.id)
    new = passes.pass_token(renewed, CODE_KEY)
    assert passes.find_pass_by_token(old) is None
    assert passes.find_pass_by_token(new).id == door_pass.id
    assert not passes.may_scan(passes.find_device_by_secret(lost), DURING_ENTRY)
    assert passes.may_scan(passes.find_device_by_secret(kept), DURING_ENTRY)
    # A form that was on its way by the old link comes too late.
    with pytest.raises(DoorPassInactive), writing():
        passes.enrol_device(door_pass.id, "Door", "x" * 22, now=DURING_ENTRY, version=0)
    enrol(renewed)
    verbs = [entry.verb for entry in db.session.query(AuditEntry)]
    assert verbs.count("renew_door_pass") == verbs.count("retire_phone") == 1


def test_a_phone_takes_a_place_when_it_comes_back_with_its_cookie(app):
    door_pass = make_pass(make_event(), phones_max=1)
    pass_id, secrets = door_pass.id, [tokens.new_device_secret() for _ in range(3)]
    with writing():
        for secret in secrets:
            passes.enrol_device(
                pass_id, "Door", secret, now=DURING_ENTRY, keeps_cookies=False
            )
    # Of those that have not come back as few are kept as there are places.
    assert [passes.find_device_by_secret(secret) is None for secret in secrets] == [
        1,
        1,
        0,
    ]

    enrol(door_pass)
    last = passes.find_device_by_secret(secrets[-1]).id
    with pytest.raises(DoorPassFull), writing():
        passes.confirm_device(last, now=DURING_ENTRY)
    first = db.session.query(Device).filter(Device.id != last).one().id
    with writing():
        passes.block_device(first, code_key=CODE_KEY, actor="user:1", now=DURING_ENTRY)
    for _ in range(2):
        with writing():
            passes.confirm_device(last, now=DURING_ENTRY)
    with pytest.raises(DoorPassFull):
        enrol(db.session.get_one(DoorPass, pass_id))
    with pytest.raises(PhoneStopped), writing():
        passes.confirm_device(first, now=DURING_ENTRY)


def test_a_revoked_pass_ends_all_its_phones(app):
    event = make_event()
    door_pass = make_pass(event)
    secret, other = enrol(door_pass), make_phone(event)

    for _ in range(2):
        with writing():
            passes.revoke_pass(door_pass.id, actor="user:1", now=DURING_ENTRY)

    assert not passes.may_scan(passes.find_device_by_secret(secret), DURING_ENTRY)
    with pytest.raises(DoorPassInactive):
        enrol(door_pass)
    assert passes.may_scan(db.session.get_one(Device, other.id), DURING_ENTRY)
    verbs = [entry.verb for entry in db.session.query(AuditEntry)]
    assert verbs.count("revoke_door_pass") == 1
    assert {"make_door_pass", "enrol_phone"} <= set(verbs)


@for_each("phones", [0, -1, passes.MAX_PHONES + 1])
def test_a_pass_for_a_senseless_number_of_phones_is_not_made(app, phones):
    event = make_event()
    with pytest.raises(ValueError, match="phones_max"):
        make_pass(event, phones_max=phones)


def test_no_pass_is_made_once_the_door_has_ended(app):
    event = make_event()
    with pytest.raises(DoorPassInactive):
        make_pass(event, DURING_ENTRY + timedelta(days=1))
