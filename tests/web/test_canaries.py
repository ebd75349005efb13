"""Canaries: what a team's people told it leaks from no route, whoever asks."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from rsvp import tokens
from rsvp.db import Base, utcnow, writing
from rsvp.domain.checkin import passes
from rsvp.extensions import db, limiter
from rsvp.models import (
    Attendee,
    Device,
    DoorPass,
    Event,
    Invitation,
    Mailing,
    Message,
    Registration,
    Team,
)
from rsvp.models.team import Role
from rsvp.web import guards
from tests.conftest import Visitor, empty_database
from tests.support.door import code_of, make_phone, record_scan
from tests.support.factories import make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.pages.registration_form import TODAY
from tests.support.pages.sign_in import csrf_token, sign_in

CANARIES = {
    "names": ("Canary Nameson", "Canary Guestson", "Canary Waitson"),
    "addresses": ("canary.address@", "canary.waits@"),
    "answers": ("canary-answer", "canary-of-each"),
    "reasons": ("canary-reason",),
    "codes": ("canary-label",),
    "mails": ("canary-mail", "canary-words"),
    "joining": ("https://meet.example.org/canary",),
    "drafts": ("Canary draft",),
}
"""What must not leak, by who may see it; `drafts` is what only the team knows of."""

TEAM = ("viewer", "door_host", "organizer", "owner")
SEES = {
    "nobody": (),
    "other_team": (),
    "other_phone": (),
    "phone": (),
    "viewer": ("drafts",),
    "door_host": ("drafts", "names"),
    "organizer": tuple(CANARIES),
    "owner": tuple(CANARIES),
}
SCANNED = {"Canary Nameson", "Canary Guestson"}
"""What a phone learns from a ticket held up to it: who is on it, and nobody else."""

MAY_CHANGE = ("organizer", "owner", "door_host", "phone")
"""Those who have something to do at this evening; the others change nothing of it."""


@dataclass
class World:
    """Two teams with an evening each, the first one's full of canaries."""

    app: Flask
    values: dict[str, list[Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    code: str = ""

    def visitor(self, who: str) -> FlaskClient:
        """A browser of that person, signed in, or of that phone."""
        client = self.app.test_client()
        if who in self.secrets:
            client.set_cookie("rsvp_door", self.secrets[who], path="/door")
        elif who != "nobody":
            sign_in(client, f"{who}@example.org")
        return client


@pytest.fixture
def world(sqlite_app: Flask) -> Iterator[World]:
    """One engine will do: guards decide before rows are read."""
    with sqlite_app.app_context():
        empty_database(sqlite_app)
        limiter.reset()
        sqlite_app.test_client_class = Visitor
        yield build(World(sqlite_app))
        db.session.remove()


def build(world: World) -> World:
    now = utcnow()
    tonight = {"starts": TODAY + timedelta(hours=2), "timezone": "UTC"}
    question = {"key": "canary", "ask": "What do you bring?"}
    event = make_event(
        {"capacity": 3},
        {"key": "web", "mode": "online", "capacity": None},
        questions=(question, question | {"key": "each", "per": "attendee"}),
        consents=({},),
        join_url="https://meet.example.org/canary",
        team="choir",
        slug="evening",
        title="Evening of songs",
        **tonight,
    )
    other = make_event(team="bakers", title="Bakers' evening", **tonight)
    draft = make_event(
        team="choir", title="Canary draft", status="draft", visibility="invitation"
    )
    seated = register(
        event,
        "Canary Nameson",
        "Canary Guestson",
        email="canary.address@example.org",
        answers={"canary": "canary-answer"},
        consents={event.consents[0].id: True},
        now=now,
    )
    register(
        event, "Canary Waitson", "Canary W", email="canary.waits@example.org", now=now
    )
    with writing() as session:
        session.get_one(
            Registration, seated.registration_id
        ).ended_why = "canary-reason"
        for attendee in session.scalars(select(Attendee)):
            attendee.answers = {"each": "canary-of-each"}
        session.add(
            Invitation(
                event_id=draft.id,
                code_id=b"canary",
                label="canary-label",
                created_at=now,
                created_by="user:1",
            )
        )
    with writing() as session:
        session.add(
            Mailing(
                event_id=event.id,
                subject="canary-mail",
                text="canary-words",
                wanted={"states": ["waitlisted"]},
                created_at=now,
                created_by="user:1",
            )
        )
    for role in Role:
        make_user(f"{role}@example.org", team="choir", role=role)
    make_user("other_team@example.org", team="bakers")
    for who, its in (("phone", event), ("other_phone", other)):
        phone = make_phone(its, "Main entrance", now)
        world.secrets[who] = tokens.new_device_secret()
        with writing() as session:
            mine = session.get_one(Device, phone.id)
            mine.secret_id = tokens.link_id(world.secrets[who])
    guest = db.session.scalars(select(Attendee).order_by(Attendee.id)).first()
    world.code = tokens.code_text(code_of(guest))
    record_scan(db.session.get_one(Device, 1), guest, now=now)
    world.values = values_for(event, other, draft)
    return world


def values_for(*events: Event) -> dict[str, list[Any]]:
    """What stands for each part of an address, by its name: all there is to ask for."""
    uuids = [
        *db.session.scalars(select(Message.uuid)),
        *db.session.scalars(select(Attendee.uuid)),
        *db.session.scalars(select(DoorPass.uuid)),
        *db.session.scalars(select(Device.uuid)),
        *db.session.scalars(select(Invitation.uuid)),
        *db.session.scalars(select(Mailing.uuid)),
    ]
    return {
        "slug": [event.slug for event in events],
        "uuid": uuids,
        "reference": list(db.session.scalars(select(Registration.reference))),
        "position": [1],
        "key": [admission.key for event in events for admission in event.admissions],
        "kind": ["confirmation", "note"],
        # Nobody else's secret can be guessed, so these lead nowhere.
        "token": [tokens.new_device_secret(), "x"],
        "version": ["0"],
        "name": ["css/site.css"],
        "filename": ["icons/mark.svg"],
    }


QUERIES = ("", "search=canary", "state=waitlisted&awaited=yes", "past=&event=evening")


def addresses(world: World, rule: Rule) -> Iterator[str]:
    unknown = rule.arguments - world.values.keys()
    assert not unknown, f"{rule.rule}: say above what {unknown} may be"
    names = sorted(rule.arguments)
    with world.app.test_request_context():
        for chosen in itertools.product(*(world.values[name] for name in names)):
            url = world.app.url_map.bind("localhost").build(
                rule.endpoint, dict(zip(names, chosen, strict=True))
            )
            yield url


def rules(app: Flask, method: str) -> list[Rule]:
    found = [r for r in app.url_map.iter_rules() if method in (r.methods or ())]
    return sorted(found, key=lambda rule: rule.rule)


def text_of(answer: TestResponse) -> str:
    """What an answer says; a workbook's sheets are unpacked."""
    data = answer.get_data()
    if not data.startswith(b"PK"):
        return data.decode()
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


def leaked(answer: TestResponse, who: str) -> set[str]:
    text = text_of(answer) + str(answer.headers)
    hidden = [each for each in CANARIES if each not in SEES[who]]
    return {c for each in hidden for c in CANARIES[each] if c in text}


@for_each("who", SEES)
def test_looking_shows_nobody_what_is_not_theirs(world: World, who: str):
    client = world.visitor(who)
    asked = 0

    for rule in rules(world.app, "GET"):
        for url in addresses(world, rule):
            is_list = rule.rule.startswith("/organize") and len(rule.arguments) < 2
            for query in QUERIES if is_list else ("",):
                answer = client.get(f"{url}?{query}")
                asked += 1
                assert answer.status_code < 500, url
                assert leaked(answer, who) == set(), f"{url}?{query}"

    assert asked > 100


@for_each("who", SEES, fresh=True)
def test_sending_shows_nobody_what_is_not_theirs_and_changes_nothing(
    world: World, who: str
):
    client = world.visitor(who)
    before = of_the_evening()
    token = csrf_token(client, "/organize/") if who in (*TEAM, "other_team") else ""
    sent = 0

    for rule in rules(world.app, "POST"):
        if rule.endpoint == "security.logout":
            continue
        for url in addresses(world, rule):
            answer = client.post(url, **body_for(world, rule, token))
            sent += 1
            assert answer.status_code < 500, url
            scanned = SCANNED if (who, url) == ("phone", "/door/api/scans") else set()
            if who not in ("organizer", "owner"):
                assert leaked(answer, who) == scanned, url
            if guards.declared(world.app, rule.endpoint) == "signed_in" and not token:
                assert answer.status_code == 302, url

    assert sent > 10
    if who not in MAY_CHANGE:
        assert of_the_evening() == before


def of_the_evening() -> dict[str, list[str]]:
    """Every row that belongs to the first team's events."""
    db.session.rollback()
    mine = select(Event.id).join(Team).where(Team.slug == "choir")
    found = {}
    for table in Base.metadata.sorted_tables:
        event_id = table.c.id if table.name == "events" else table.c.get("event_id")
        if event_id is not None:
            rows = db.session.execute(select(table).where(event_id.in_(mine)))
            found[table.name] = sorted(map(repr, rows))
    return found


def body_for(world: World, rule: Rule, token: str) -> dict[str, Any]:
    """Something to send: a scan of a canary's ticket, or a form with all its fields."""
    if rule.rule.startswith("/door/api"):
        scanned = {
            "id": str(uuid4()),
            "code": world.code,
            "index": None,
            "seq": 1,
            "epoch": 0,
            "at": utcnow().isoformat(),
            "offset_ms": 0,
            "direction": "in",
            "of": None,
        }
        return {"json": {"scans": [scanned]}}
    fields: dict[str, Any] = {
        "csrf_token": token,
        "reason": "a reason",
        "phones": "2",
        "place": "1",
    }
    fields |= {"reference": world.values["reference"], "decision": "approve"}
    return {"data": fields | {"code": world.code, "name": "A door"}}


def test_a_leak_would_be_found(world: World):
    """The canaries do sing: whoever may see everything sees each of them somewhere."""
    client = world.visitor("owner")
    seen: set[str] = set()

    for rule in rules(world.app, "GET"):
        if rule.rule.startswith("/organize"):
            for url in addresses(world, rule):
                text = text_of(client.get(url))
                seen |= {c for each in CANARIES.values() for c in each if c in text}

    assert {"Canary Nameson", "Canary draft", "canary-label"} <= seen
    assert passes.find_pass_by_token(world.secrets["phone"]) is None
