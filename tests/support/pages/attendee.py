"""Attendees' pages in tests: links, texts and buttons of one registration."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp import tokens
from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.models import Registration
from tests.support.pages.public import visible_text


def registration_named(name: str) -> Registration:
    db.session.rollback()
    named = select(Registration).where(Registration.name == name)
    return db.session.scalars(named).one()


def registration_link(client: FlaskClient, name: str) -> str:
    """The link of the page after the form."""
    mine = registration_named(name)
    key = client.application.config["CODE_KEY"]
    return f"/r/{tokens.manage_token(key, mine.uuid, mine.link_version)}"


def mailed_link(client: FlaskClient, name: str) -> str:
    """The link as mails have it."""
    mine = registration_named(name)
    key = client.application.config["CODE_KEY"]
    return f"/r/{tokens.mailed_token(key, mine.uuid, mine.link_version)}"


def page_text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return html.unescape(visible_text(answer.text.partition("<main")[2]))


def action_paths(client: FlaskClient, path: str) -> set[str]:
    """What the page leads to, of what belongs to this registration."""
    found = re.findall(rf'(?:action|href)="{path}(/[^"]+)"', client.get(path).text)
    return set(found) - {"/calendar.ics"}


def request_resend(client: FlaskClient, **values: str) -> Any:
    secret = client.application.config["SECRET_KEY"]
    stamp = tokens.form_token(secret, UUID(int=0), utcnow())
    return client.post("/lost-mail", data={"form_token": stamp} | values)
