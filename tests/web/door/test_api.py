"""Scans: what phones send, however wrong, and what they are told."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain.registrations import door_seating
from rsvp.extensions import db
from rsvp.models import Attendee, Device
from rsvp.web.door import scan_input
from tests.support.door import attendees
from tests.support.door_client import (
    enrol,
    evening,
    kept,
    printed,
    scan,
    send,
    verdicts,
)
from tests.support.factories import register

pytestmark = pytest.mark.one_engine

HOUR, YEARS = timedelta(hours=1), timedelta(days=3650)


def test_a_scan_is_answered_with_name_party_and_counts(client: FlaskClient):
    event = evening()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    enrol(client, event)
    zoe, _ada = attendees(event)
    sent = scan(zoe)

    answer = send(client, sent).get_json()

    [verdict] = answer["verdicts"]
    assert verdict == {
        "id": sent["id"],
        "verdict": "welcome",
        "name": "Zoë Ωmega",
        "admission": "In person",
        "party": [
            {"name": "Zoë Ωmega", "position": 0, "is_in": True, "is_this": True},
            {"name": "Ada Bell", "position": 1, "is_in": False, "is_this": False},
        ],
        "party_key": verdict["party_key"],
        "at": verdict["at"],
        "door": "Main entrance",
        "rehearsal": False,
    }
    assert datetime.fromisoformat(verdict["at"]).tzinfo is not None
    assert answer["counts"] == {"inside": 1, "expected": 2}
    now = datetime.fromisoformat(answer["now"])
    assert abs(now - utcnow()) < timedelta(minutes=1)


def test_a_second_door_is_told_when_and_where_they_came_in(app: Flask):
    event = evening()
    register(event, "Zoë Ωmega", now=utcnow())
    [zoe] = attendees(event)
    main, side = app.test_client(), app.test_client()
    enrol(main, event, "Main entrance")
    enrol(side, event, "Side door")
    [first] = verdicts(main, scan(zoe))

    [second] = verdicts(side, scan(zoe))

    assert second["verdict"] == "already_in"
    assert (second["at"], second["door"]) == (first["at"], "Main entrance")


def test_a_look_is_answered_and_lets_nobody_in(app: Flask):
    event, other = evening(), evening()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    register(event, "Ben", now=utcnow())
    register(other, "Otto Other", now=utcnow())
    zoe, ada, ben = attendees(event)
    [otto] = attendees(other)
    main, side = app.test_client(), app.test_client()
    enrol(main, event, "Main entrance")
    enrol(side, event, "Side door")
    looks = [scan(one, "look") for one in (zoe, ada, ben, otto, "not a code")]

    seen = verdicts(main, *looks)

    assert [one["verdict"] for one in seen] == [
        *("welcome", "welcome", "welcome", "wrong_event", "unknown"),
    ]
    keys = [one["party_key"] for one in seen]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3:] == [None, None]
    assert [one["name"] for one in seen[3:]] == [None, None]
    assert not any(person["is_in"] for one in seen for person in one["party"])
    assert kept() == []

    # Beside a scan it sees what came before, and its id stays free.
    look = scan(zoe, "look")
    told = verdicts(main, scan(zoe), look, scan(ada, id=look["id"]))
    assert [one["verdict"] for one in told] == ["welcome", "already_in", "welcome"]
    [seen] = verdicts(side, scan(zoe, "look"))
    assert (seen["verdict"], seen["door"]) == ("already_in", "Main entrance")
    assert seen["at"] == told[0]["at"]
    assert len(kept()) == 2
    sent = {"id": str(uuid4()), "code": printed(zoe), "direction": "look"}
    assert main.post("/door/scans", data=sent).status_code == 400


def test_who_leaves_may_come_back(client: FlaskClient):
    event = evening()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol(client, event)
    [zoe] = attendees(event)

    told = [
        verdicts(client, scan(zoe, direction))[0]["verdict"]
        for direction in ("in", "in", "out", "in", "out", "out")
    ]

    assert told == [
        "welcome",
        "already_in",
        "left",
        "left_and_back",
        "left",
        "not_in",
    ]


def test_a_scan_sent_again_is_stored_once_and_answered_the_same(client: FlaskClient):
    event = evening()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol(client, event)
    sent = scan(attendees(event)[0])

    first, second = send(client, sent).get_json(), send(client, sent).get_json()

    assert first["verdicts"] == second["verdicts"]
    assert second["counts"]["inside"] == 1
    assert len(kept()) == 1


def test_the_last_scan_can_be_taken_back(client: FlaskClient):
    event = evening()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol(client, event)
    [zoe] = attendees(event)
    sent = scan(zoe)
    send(client, sent)

    answer = send(client, scan(None, "undo", of=sent["id"])).get_json()

    assert answer["verdicts"][0]["verdict"] == "undone"
    assert answer["counts"]["inside"] == 0
    assert verdicts(client, scan(zoe))[0]["verdict"] == "welcome"


def test_codes_of_elsewhere_tell_no_name(client: FlaskClient):
    event, other = evening(), evening()
    register(other, "Otto Other", now=utcnow())
    enrol(client, event)
    [otto] = attendees(other)
    stranger = tokens.code_text(bytes(range(16)))

    answer = send(
        client,
        scan(otto),
        scan(otto, "out"),
        scan(stranger),
        scan("not a code"),
        scan(None, index="A" * 22),
    )

    told = answer.get_json()["verdicts"]
    assert [one["verdict"] for one in told] == ["wrong_event"] * 2 + ["unknown"] * 3
    assert "Otto" not in answer.text
    for one in told:
        assert (one["name"], one["admission"], one["party"]) == (None, None, [])


def test_an_empty_batch_asks_for_the_counts_and_shows_that_the_phone_is_there(
    client: FlaskClient,
):
    event = evening()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    enrol(client, event)
    with writing() as session:
        [device] = session.scalars(select(Device))
        device.seen_at = utcnow() - timedelta(minutes=5)

    answer = send(client).get_json()

    assert answer["verdicts"] == []
    assert answer["counts"] == {"inside": 0, "expected": 2}
    db.session.rollback()
    seen_at = db.session.scalars(select(Device.seen_at)).one()
    assert utcnow() - seen_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("id", [None, 7, "", "x", "{" + str(uuid4()) + "}", uuid4().hex, [], "é" * 36]),
        ("code", [7, True, [], {}, "1" * 201]),
        ("index", [7, "", "A" * 21, "A" * 23, "é" * 22]),
        ("seq", [None, -1, 2**31, 1.5, True, "1"]),
        ("epoch", [None, -1, 2**31, 1.5, False, "1"]),
        ("offset_ms", [None, 2**31, -(2**31), 0.5, True, "0"]),
        (
            "at",
            [
                *(None, 0, True, "", "now", "2027-01-29", "2027-01-29T18:00:00"),
                *("2027-01-29T25:00:00Z", "0001-01-01T00:00:00+14:00"),
                *("9999-12-31T23:59:59-12:00", "1969-12-31T00:00:00Z", "T" * 50),
            ],
        ),
        ("direction", [None, "", "IN", "sideways", 7, [], {}]),
        ("of", [7, str(uuid4())]),
        ("shown", [7, True, "", "WELCOME", "w" * 5000, [], {}]),
    ],
)
def test_a_scan_that_cannot_be_read_says_which_field_and_hurts_no_other(
    client: FlaskClient, field, values
):
    event = evening()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol(client, event)
    good = scan(attendees(event)[0])
    bad = [scan(**{"code": "1", field: value}) for value in values]

    told = verdicts(client, *bad, good)

    for sent, entry in zip(bad, told, strict=False):
        assert (entry["error"], entry["field"]) == ("malformed", field), sent
        assert entry["id"] == (sent["id"] if type(sent["id"]) is str else None)
    assert told[-1]["verdict"] == "welcome"
    assert len(kept()) == 1


WRONG_INSTANTS = [
    *(0, True, "", "now", "2027-01-29", "2027-01-29T18:00:00", [], {}),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "T" * 5000),
]


def test_a_batch_that_was_sent_at_no_time_says_so_of_each_scan(client: FlaskClient):
    enrol(client, evening())
    for wrong in WRONG_INSTANTS:
        sent = scan("1")

        answer = send(client, sent, sent_at=wrong).get_json()

        told = {"id": sent["id"], "error": "malformed", "field": "sent_at"}
        assert answer["verdicts"] == [told], wrong
        assert set(answer["counts"]) == {"inside", "expected"}
    assert send(client, sent_at="never").status_code == 200
    assert kept() == []


@pytest.mark.parametrize("clock", [-YEARS, -HOUR, 0 * HOUR, HOUR, YEARS])
def test_a_ticket_is_green_at_one_door_whatever_their_clocks_say(app: Flask, clock):
    """At once, as pages send it; one that was sent hours before it was made, too."""
    event = evening()
    register(event, "Zoë Ωmega", now=utcnow())
    [zoe] = attendees(event)
    main, side = app.test_client(), app.test_client()
    enrol(main, event, "Main entrance")
    enrol(side, event, "Side door")
    verdicts(main, scan(zoe), sent_at=utcnow().isoformat())
    there = utcnow() + clock

    for age in (0 * HOUR, timedelta(seconds=29), -HOUR):
        sent = scan(zoe, at=there.isoformat(), shown=None)
        [again] = verdicts(side, sent, sent_at=(there + age).isoformat())
        assert (again["verdict"], again["door"]) == ("already_in", "Main entrance")
        # The answer was lost: the same again, by a clock that was set meanwhile.
        [same] = verdicts(side, sent, sent_at=(there - YEARS).isoformat())
        assert same == again
    assert len(kept()) == 4


@pytest.mark.parametrize("missing", ["id", "seq", "epoch", "at", "direction", "code"])
def test_a_scan_with_a_field_missing_is_malformed(client: FlaskClient, missing):
    enrol(client, evening())
    sent = scan("1")
    del sent[missing]

    [entry] = verdicts(client, sent)

    assert (entry["error"], entry["field"]) == ("malformed", missing)


@pytest.mark.parametrize("sent", [None, 7, "scan", [], [{}], True])
def test_what_is_no_scan_at_all_is_malformed(client: FlaskClient, sent):
    enrol(client, evening())

    assert verdicts(client, sent) == [
        {"id": None, "error": "malformed", "field": "scan"}
    ]


def test_an_undo_says_of_what(client: FlaskClient):
    enrol(client, evening())
    nothing, nobodys = scan(None, "undo"), scan(None, "undo", of=str(uuid4()))

    told = verdicts(client, nothing, nobodys)

    assert (told[0]["error"], told[0]["field"]) == ("malformed", "of")
    assert told[1]["verdict"] == "unknown"


def test_a_scan_that_cannot_be_kept_hurts_no_other(app: Flask):
    """Another phone's id is the one thing that only the database can refuse."""
    event = evening()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    zoe, ada = attendees(event)
    main, side = app.test_client(), app.test_client()
    enrol(main, event, "Main entrance")
    enrol(side, event, "Side door")
    theirs = scan(zoe)
    send(main, theirs)

    told = verdicts(side, scan(ada, id=theirs["id"]), scan(ada))

    assert told[0] == {"id": theirs["id"], "error": "not_stored"}
    assert told[1]["verdict"] == "welcome"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"scans"',
        b"{}",
        b'{"scans": null}',
        b'{"scans": {}}',
        b'{"scans": "x"}',
        b'{"scans": [',
        b"\xff\xfe",
        b'{"scans": [%s]}' % (b"9" * 5000),
        b"[" * 100_000,
        b'{"scans": %s}' % (b"[" * 50_000 + b"]" * 50_000),
    ],
)
def test_a_body_that_is_no_batch_is_a_problem(client: FlaskClient, body):
    enrol(client, evening())

    answer = client.post("/door/api/scans", data=body, content_type="application/json")

    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert answer.mimetype == "application/problem+json"
    assert kept() == []


def test_a_batch_has_its_limits(client: FlaskClient):
    enrol(client, evening())
    many = [scan("1") for _ in range(scan_input.MOST)]

    assert send(client, *many).status_code == 200
    assert send(client, *many, scan("1")).status_code == 400
    assert send(client, {"x": "x" * scan_input.BATCH_BYTES}).status_code == 413
    assert len(kept()) == scan_input.MOST


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_of_another_site_cannot_pass_for_a_batch(client: FlaskClient, kind):
    enrol(client, evening())
    body = json.dumps({"scans": [scan("1")]})

    answer = client.post("/door/api/scans", data=body, content_type=kind)

    assert answer.status_code == 415
    assert kept() == []


def given_on(event, outcome) -> Attendee:
    """The attendee of a registration whose seat was given on."""
    with writing():
        door_seating.release(
            outcome.registration_id, what="not_there", actor="worker", now=utcnow()
        )
    return attendees(event)[0]


def test_a_late_comer_is_let_in_while_there_is_a_seat(client: FlaskClient):
    event = evening()
    ada = given_on(event, register(event, "Ada", now=utcnow()))
    enrol(client, event)

    told = verdicts(client, scan(ada))

    assert told[0]["verdict"] == "welcome"
    db.session.rollback()
    assert ada.registration.state == "confirmed"


def test_a_late_comer_is_sent_to_the_host_where_all_seats_are_taken(
    client: FlaskClient,
):
    event = evening({"capacity": 1})
    ada = given_on(event, register(event, "Ada", now=utcnow()))
    enrol(client, event)
    register(event, "Ben", now=utcnow())
    verdicts(client, scan(attendees(event)[1]))

    told = verdicts(client, scan(ada))

    assert told[0]["verdict"] == "released"
