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
from tests.support.door import attendees_of
from tests.support.door_client import (
    enrol_phone,
    make_event_today,
    printed_code,
    scan_json,
    scan_verdicts,
    send_scans,
    stored_scans,
)
from tests.support.factories import register
from tests.support.for_each import for_each
from tests.support.matching import has_word

pytestmark = pytest.mark.one_engine

HOUR, YEARS = timedelta(hours=1), timedelta(days=3650)


def test_a_scan_is_answered_with_name_party_and_counts(client: FlaskClient):
    event = make_event_today()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    enrol_phone(client, event)
    zoe, _ada = attendees_of(event)
    sent = scan_json(zoe)

    answer = send_scans(client, sent).get_json()

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
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    [zoe] = attendees_of(event)
    main, side = app.test_client(), app.test_client()
    enrol_phone(main, event, "Main entrance")
    enrol_phone(side, event, "Side door")
    [first] = scan_verdicts(main, scan_json(zoe))

    [second] = scan_verdicts(side, scan_json(zoe))

    assert second["verdict"] == "already_in"
    assert (second["at"], second["door"]) == (first["at"], "Main entrance")


def test_a_look_is_answered_and_lets_nobody_in(app: Flask):
    event, other = make_event_today(), make_event_today()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    register(event, "Ben", now=utcnow())
    register(other, "Otto Other", now=utcnow())
    zoe, ada, ben = attendees_of(event)
    [otto] = attendees_of(other)
    main, side = app.test_client(), app.test_client()
    enrol_phone(main, event, "Main entrance")
    enrol_phone(side, event, "Side door")
    looks = [scan_json(one, "look") for one in (zoe, ada, ben, otto, "not a code")]

    seen = scan_verdicts(main, *looks)

    assert [one["verdict"] for one in seen] == [
        "welcome",
        "welcome",
        "welcome",
        "wrong_event",
        "unknown",
    ]
    keys = [one["party_key"] for one in seen]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3:] == [None, None]
    assert [one["name"] for one in seen[3:]] == [None, None]
    assert not any(person["is_in"] for one in seen for person in one["party"])
    assert stored_scans() == []

    # Beside a scan it sees what came before, and its id stays free.
    look = scan_json(zoe, "look")
    told = scan_verdicts(main, scan_json(zoe), look, scan_json(ada, id=look["id"]))
    assert [one["verdict"] for one in told] == ["welcome", "already_in", "welcome"]
    [seen] = scan_verdicts(side, scan_json(zoe, "look"))
    assert (seen["verdict"], seen["door"]) == ("already_in", "Main entrance")
    assert seen["at"] == told[0]["at"]
    assert len(stored_scans()) == 2
    sent = {"id": str(uuid4()), "code": printed_code(zoe), "direction": "look"}
    assert main.post("/door/scans", data=sent).status_code == 400


def test_who_leaves_may_come_back(client: FlaskClient):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    [zoe] = attendees_of(event)

    told = [
        scan_verdicts(client, scan_json(zoe, direction))[0]["verdict"]
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
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    sent = scan_json(attendees_of(event)[0])

    first, second = (
        send_scans(client, sent).get_json(),
        send_scans(client, sent).get_json(),
    )

    assert first["verdicts"] == second["verdicts"]
    assert second["counts"]["inside"] == 1
    assert len(stored_scans()) == 1


def test_the_last_scan_can_be_taken_back(client: FlaskClient):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    [zoe] = attendees_of(event)
    sent = scan_json(zoe)
    send_scans(client, sent)

    answer = send_scans(client, scan_json(None, "undo", of=sent["id"])).get_json()

    assert answer["verdicts"][0]["verdict"] == "undone"
    assert answer["counts"]["inside"] == 0
    assert scan_verdicts(client, scan_json(zoe))[0]["verdict"] == "welcome"


def test_codes_of_elsewhere_tell_no_name(client: FlaskClient):
    event, other = make_event_today(), make_event_today()
    register(other, "Otto Other", now=utcnow())
    enrol_phone(client, event)
    [otto] = attendees_of(other)
    stranger = tokens.code_text(bytes(range(16)))

    answer = send_scans(
        client,
        scan_json(otto),
        scan_json(otto, "out"),
        scan_json(stranger),
        scan_json("not a code"),
        scan_json(None, index="A" * 22),
    )

    told = answer.get_json()["verdicts"]
    assert [one["verdict"] for one in told] == ["wrong_event"] * 2 + ["unknown"] * 3
    assert not has_word(answer.text, "Otto")
    for one in told:
        assert (one["name"], one["admission"], one["party"]) == (None, None, [])


def test_an_empty_batch_asks_for_the_counts_and_shows_that_the_phone_is_there(
    client: FlaskClient,
):
    event = make_event_today()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    enrol_phone(client, event)
    with writing() as session:
        [device] = session.scalars(select(Device))
        device.seen_at = utcnow() - timedelta(minutes=5)

    answer = send_scans(client).get_json()

    assert answer["verdicts"] == []
    assert answer["counts"] == {"inside": 0, "expected": 2}
    db.session.rollback()
    seen_at = db.session.scalars(select(Device.seen_at)).one()
    assert utcnow() - seen_at < timedelta(minutes=1)


@for_each(
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
                None,
                0,
                True,
                "",
                "now",
                "2027-01-29",
                "2027-01-29T18:00:00",
                "2027-01-29T25:00:00Z",
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59-12:00",
                "1969-12-31T00:00:00Z",
                "T" * 50,
            ],
        ),
        ("direction", [None, "", "IN", "sideways", 7, [], {}]),
        ("of", [7, str(uuid4())]),
        ("shown", [7, True, "", "WELCOME", "w" * 5000, [], {}]),
    ],
    fresh=True,
)
def test_a_scan_that_cannot_be_read_says_which_field_and_hurts_no_other(
    client: FlaskClient, field, values
):
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    enrol_phone(client, event)
    good = scan_json(attendees_of(event)[0])
    bad = [scan_json(**{"code": "1", field: value}) for value in values]

    told = scan_verdicts(client, *bad, good)

    for sent, entry in zip(bad, told, strict=False):
        assert (entry["error"], entry["field"]) == ("malformed", field), sent
        assert entry["id"] == (sent["id"] if type(sent["id"]) is str else None)
    assert told[-1]["verdict"] == "welcome"
    assert len(stored_scans()) == 1


WRONG_INSTANTS = [
    0,
    True,
    "",
    "now",
    "2027-01-29",
    "2027-01-29T18:00:00",
    [],
    {},
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "T" * 5000,
]


def test_a_batch_that_was_sent_at_no_time_says_so_of_each_scan(client: FlaskClient):
    enrol_phone(client, make_event_today())
    for wrong in WRONG_INSTANTS:
        sent = scan_json("1")

        answer = send_scans(client, sent, sent_at=wrong).get_json()

        told = {"id": sent["id"], "error": "malformed", "field": "sent_at"}
        assert answer["verdicts"] == [told], wrong
        assert set(answer["counts"]) == {"inside", "expected"}
    assert send_scans(client, sent_at="never").status_code == 200
    assert stored_scans() == []


@for_each("clock", [-YEARS, -HOUR, 0 * HOUR, HOUR, YEARS], fresh=True)
def test_a_ticket_is_green_at_one_door_whatever_their_clocks_say(app: Flask, clock):
    """At once, as pages send it; one that was sent hours before it was made, too."""
    event = make_event_today()
    register(event, "Zoë Ωmega", now=utcnow())
    [zoe] = attendees_of(event)
    main, side = app.test_client(), app.test_client()
    enrol_phone(main, event, "Main entrance")
    enrol_phone(side, event, "Side door")
    scan_verdicts(main, scan_json(zoe), sent_at=utcnow().isoformat())
    there = utcnow() + clock

    for age in (0 * HOUR, timedelta(seconds=29), -HOUR):
        sent = scan_json(zoe, at=there.isoformat(), shown=None)
        [again] = scan_verdicts(side, sent, sent_at=(there + age).isoformat())
        assert (again["verdict"], again["door"]) == ("already_in", "Main entrance")
        # The answer was lost: the same again, by a clock that was set meanwhile.
        [same] = scan_verdicts(side, sent, sent_at=(there - YEARS).isoformat())
        assert same == again
    assert len(stored_scans()) == 4


@for_each("missing", ["id", "seq", "epoch", "at", "direction", "code"])
def test_a_scan_with_a_field_missing_is_malformed(client: FlaskClient, missing):
    enrol_phone(client, make_event_today())
    sent = scan_json("1")
    del sent[missing]

    [entry] = scan_verdicts(client, sent)

    assert (entry["error"], entry["field"]) == ("malformed", missing)


@for_each("sent", [None, 7, "scan", [], [{}], True])
def test_what_is_no_scan_at_all_is_malformed(client: FlaskClient, sent):
    enrol_phone(client, make_event_today())

    assert scan_verdicts(client, sent) == [
        {"id": None, "error": "malformed", "field": "scan"}
    ]


def test_an_undo_says_of_what(client: FlaskClient):
    enrol_phone(client, make_event_today())
    nothing, nobodys = scan_json(None, "undo"), scan_json(None, "undo", of=str(uuid4()))

    told = scan_verdicts(client, nothing, nobodys)

    assert (told[0]["error"], told[0]["field"]) == ("malformed", "of")
    assert told[1]["verdict"] == "unknown"


def test_a_scan_that_cannot_be_kept_hurts_no_other(app: Flask):
    """Another phone's id is the one thing that only the database can refuse."""
    event = make_event_today()
    register(event, "Zoë Ωmega", "Ada Bell", now=utcnow())
    zoe, ada = attendees_of(event)
    main, side = app.test_client(), app.test_client()
    enrol_phone(main, event, "Main entrance")
    enrol_phone(side, event, "Side door")
    theirs = scan_json(zoe)
    send_scans(main, theirs)

    told = scan_verdicts(side, scan_json(ada, id=theirs["id"]), scan_json(ada))

    assert told[0] == {"id": theirs["id"], "error": "not_stored"}
    assert told[1]["verdict"] == "welcome"


@for_each(
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
    enrol_phone(client, make_event_today())

    answer = client.post("/door/api/scans", data=body, content_type="application/json")

    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert answer.mimetype == "application/problem+json"
    assert stored_scans() == []


def test_a_batch_has_its_limits(client: FlaskClient):
    enrol_phone(client, make_event_today())
    many = [scan_json("1") for _ in range(scan_input.MAX_SCANS)]

    assert send_scans(client, *many).status_code == 200
    assert send_scans(client, *many, scan_json("1")).status_code == 400
    assert (
        send_scans(client, {"x": "x" * scan_input.MAX_BATCH_BYTES}).status_code == 413
    )
    assert len(stored_scans()) == scan_input.MAX_SCANS


@for_each(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_of_another_site_cannot_pass_for_a_batch(client: FlaskClient, kind):
    enrol_phone(client, make_event_today())
    body = json.dumps({"scans": [scan_json("1")]})

    answer = client.post("/door/api/scans", data=body, content_type=kind)

    assert answer.status_code == 415
    assert stored_scans() == []


def given_on(event, outcome) -> Attendee:
    """The attendee of a registration whose seat was given on."""
    with writing():
        door_seating.release_registration(
            outcome.registration_id, reason="not_there", actor="worker", now=utcnow()
        )
    return attendees_of(event)[0]


def test_a_late_comer_is_let_in_while_there_is_a_seat(client: FlaskClient):
    event = make_event_today()
    ada = given_on(event, register(event, "Ada", now=utcnow()))
    enrol_phone(client, event)

    told = scan_verdicts(client, scan_json(ada))

    assert told[0]["verdict"] == "welcome"
    db.session.rollback()
    assert ada.registration.state == "confirmed"


def test_a_late_comer_is_sent_to_the_host_where_all_seats_are_taken(
    client: FlaskClient,
):
    event = make_event_today({"capacity": 1})
    ada = given_on(event, register(event, "Ada", now=utcnow()))
    enrol_phone(client, event)
    register(event, "Ben", now=utcnow())
    scan_verdicts(client, scan_json(attendees_of(event)[1]))

    told = scan_verdicts(client, scan_json(ada))

    assert told[0]["verdict"] == "released"
