"""Doors: who may enrol a phone with a pass, when, and how it ends."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from rsvp import tokens
from rsvp.db import write, writing
from rsvp.domain.checkin import passes
from rsvp.errors import DoorClosed, DoorFull, PhoneStopped
from rsvp.extensions import db
from rsvp.models import AuditEntry, Device, DoorPass
from tests.support.door import DOORS, EVENING, make_pass, make_phone
from tests.support.factories import CODE_KEY, make_event


def enrol(door_pass: DoorPass, now=EVENING, name="Main entrance") -> str:
    """Enrol one more phone and give what its cookie holds."""
    secret, pass_id = tokens.new_device_secret(), door_pass.id
    write(lambda _: passes.enrol(pass_id, name, secret, now=now))
    return secret


def test_a_pass_is_found_by_its_link_and_a_phone_by_its_secret(app):
    door_pass = make_pass(make_event())
    link = passes.token_of(door_pass, CODE_KEY)
    secret = enrol(door_pass)

    assert passes.find_pass(link).id == door_pass.id
    assert passes.find_device(secret).door_pass.id == door_pass.id
    for nobodys in ("", "x", "x" * 22, link[:-1], secret, "ä" * 22):
        assert passes.find_pass(nobodys) is None
    for nobodys in ("", link, secret.lower(), secret + "A"):
        assert passes.find_device(nobodys) is None


def test_nothing_in_the_database_opens_a_door(app):
    door_pass = make_pass(make_event())
    secret = enrol(door_pass)
    device = passes.find_device(secret)

    for stored in (door_pass.link_id, device.secret_id, door_pass.uuid.bytes):
        for text in (
            stored.hex(),
            tokens.link_text(stored),
            tokens.link_text(stored[:16]),
        ):
            assert passes.find_pass(text) is None
            assert passes.find_device(text) is None


@pytest.mark.parametrize(
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
    door_pass = make_pass(make_event(), DOORS - timedelta(days=10), at_once=at_once)

    if works:
        secret = enrol(door_pass, DOORS + when)
        assert passes.works_at(passes.find_device(secret), DOORS + when)
    else:
        with pytest.raises(DoorClosed) as refused:
            enrol(door_pass, DOORS + when)
        opens_at = DOORS - timedelta(hours=24) if when < timedelta(0) else None
        assert refused.value.facts == {"opens_at": opens_at}


def test_a_pass_enrols_so_many_phones(app):
    door_pass = make_pass(make_event(), phones_max=2)
    first = enrol(door_pass)
    enrol(door_pass)

    with pytest.raises(DoorFull) as refused:
        enrol(door_pass)
    assert refused.value.facts == {"limit": 2}

    phone = passes.find_device(first).id
    with writing():
        passes.retire(phone, actor="user:1", now=EVENING)
    enrol(door_pass)


def test_phones_that_enrol_at_once_are_never_too_many(app):
    door_pass = make_pass(make_event(), phones_max=3)
    pass_id, start, outcomes = door_pass.id, threading.Barrier(8, timeout=30), []

    def enrol_one():
        with app.app_context():
            start.wait()
            try:
                write(
                    lambda _: passes.enrol(
                        pass_id, "Door", tokens.new_device_secret(), now=EVENING
                    )
                )
                outcomes.append("in")
            except DoorFull:
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
        passes.retire(passes.find_device(lost).id, actor="user:1", now=EVENING)

    assert not passes.works_at(passes.find_device(lost), EVENING)
    assert passes.works_at(passes.find_device(kept), EVENING)


def test_who_is_sent_home_knows_no_link_any_more_and_the_others_go_on(app):
    door_pass = make_pass(make_event(), phones_max=3)
    old = passes.token_of(door_pass, CODE_KEY)
    lost, kept = enrol(door_pass), enrol(door_pass)
    phone = passes.find_device(lost).id

    for _ in range(2):
        with writing():
            passes.send_home(phone, code_key=CODE_KEY, actor="user:1", now=EVENING)

    renewed = db.session.get_one(DoorPass, door_pass.id)
    new = passes.token_of(renewed, CODE_KEY)
    assert passes.find_pass(old) is None
    assert passes.find_pass(new).id == door_pass.id
    assert not passes.works_at(passes.find_device(lost), EVENING)
    assert passes.works_at(passes.find_device(kept), EVENING)
    # A form that was on its way by the old link comes too late.
    with pytest.raises(DoorClosed), writing():
        passes.enrol(door_pass.id, "Door", "x" * 22, now=EVENING, version=0)
    enrol(renewed)
    verbs = [entry.verb for entry in db.session.query(AuditEntry)]
    assert verbs.count("renew_door_pass") == verbs.count("retire_phone") == 1


def test_a_phone_takes_a_place_when_it_comes_back_with_its_cookie(app):
    door_pass = make_pass(make_event(), phones_max=1)
    pass_id, secrets = door_pass.id, [tokens.new_device_secret() for _ in range(3)]
    with writing():
        for secret in secrets:
            passes.enrol(pass_id, "Door", secret, now=EVENING, keeps_cookies=False)
    # Of those that have not come back as few are kept as there are places.
    assert [passes.find_device(secret) is None for secret in secrets] == [1, 1, 0]

    enrol(door_pass)
    last = passes.find_device(secrets[-1]).id
    with pytest.raises(DoorFull), writing():
        passes.come_back(last, now=EVENING)
    first = db.session.query(Device).filter(Device.id != last).one().id
    with writing():
        passes.send_home(first, code_key=CODE_KEY, actor="user:1", now=EVENING)
    for _ in range(2):
        with writing():
            passes.come_back(last, now=EVENING)
    with pytest.raises(DoorFull):
        enrol(db.session.get_one(DoorPass, pass_id))
    with pytest.raises(PhoneStopped), writing():
        passes.come_back(first, now=EVENING)


def test_a_revoked_pass_ends_all_its_phones(app):
    event = make_event()
    door_pass = make_pass(event)
    secret, other = enrol(door_pass), make_phone(event)

    for _ in range(2):
        with writing():
            passes.revoke_pass(door_pass.id, actor="user:1", now=EVENING)

    assert not passes.works_at(passes.find_device(secret), EVENING)
    with pytest.raises(DoorClosed):
        enrol(door_pass)
    assert passes.works_at(db.session.get_one(Device, other.id), EVENING)
    verbs = [entry.verb for entry in db.session.query(AuditEntry)]
    assert verbs.count("revoke_door_pass") == 1
    assert {"make_door_pass", "enrol_phone"} <= set(verbs)


@pytest.mark.parametrize("phones", [0, -1, passes.MOST_PHONES + 1])
def test_a_pass_for_a_senseless_number_of_phones_is_not_made(app, phones):
    event = make_event()
    with pytest.raises(ValueError, match="phones_max"):
        make_pass(event, phones_max=phones)


def test_no_pass_is_made_once_the_door_has_ended(app):
    event = make_event()
    with pytest.raises(DoorClosed):
        make_pass(event, EVENING + timedelta(days=1))
