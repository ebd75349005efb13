"""Mine: what tests of one's own registration find of it, by its holder's name."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient
from sqlalchemy import select

from rsvp import tokens
from rsvp.extensions import db
from rsvp.models import Registration
from tests.support.pages.public import text_of


def one(name: str) -> Registration:
    db.session.rollback()
    named = select(Registration).where(Registration.name == name)
    return db.session.scalars(named).one()


def link_of(client: FlaskClient, name: str) -> str:
    """The link of the page after the form."""
    mine = one(name)
    key = client.application.config["CODE_KEY"]
    return f"/r/{tokens.manage_token(key, mine.uuid, mine.link_version)}"


def mailed_link_of(client: FlaskClient, name: str) -> str:
    """The link as mails have it."""
    mine = one(name)
    key = client.application.config["CODE_KEY"]
    return f"/r/{tokens.mailed_token(key, mine.uuid, mine.link_version)}"


def said(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return html.unescape(text_of(answer.text.partition("<main")[2]))


def buttons(client: FlaskClient, path: str) -> set[str]:
    """What the page leads to, of what belongs to this registration."""
    found = re.findall(rf'(?:action|href)="{path}(/[^"]+)"', client.get(path).text)
    return set(found) - {"/calendar.ics"}
