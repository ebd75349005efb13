"""Editing conflicts: the second to save is shown what the first has made of it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from rsvp.extensions import db
from rsvp.models import Event, Mailing
from tests.support.factories import make_user
from tests.support.for_each import for_each
from tests.support.mailings import draft_mailing
from tests.support.pages.public import visible_text
from tests.support.pages.registration_form import make_upcoming_event
from tests.support.pages.sign_in import csrf_token, sign_in

pytestmark = pytest.mark.one_engine


@dataclass(frozen=True)
class EditedForm:
    """A form that two people have open: what it is filled with, what each writes into
    `name`, and how to read what is saved."""

    page: str
    action: str
    name: str
    opened: str
    theirs: str
    mine: str
    read: Callable[[], Any]
    others: dict[str, Any] = field(default_factory=dict)

    def send(self, client, value, version: str | None):
        data = self.others | {self.name: value}
        if version is not None:
            data["version"] = version
        token = csrf_token(client, "/organize/")
        return client.post(self.action, data=data | {"csrf_token": token})

    def in_page(self, text: str) -> re.Match[str]:
        """The form in a page, from its address on."""
        found = re.search(
            rf'<form[^>]* action="{re.escape(self.action)}".*?</form>', text, re.DOTALL
        )
        assert found, self.action
        return found

    def version(self, text: str) -> str:
        found = re.search(r'name="version" value="([^"]*)"', self.in_page(text)[0])
        assert found, self.action
        return found[1]

    def open(self, client) -> str:
        return self.version(client.get(self.page).text)


def edited_forms(client) -> dict[str, EditedForm]:
    event = make_upcoming_event(
        {"capacity": 50},
        room_capacity=80,
        reserved_seats=2,
        wording={"confirmation": {"headline": "Hello", "text": "Bring a bowl."}},
    )
    mailing_id = draft_mailing(event)
    event_id, admission = event.id, event.admissions[0].key
    seats = f"/organize/events/{event.slug}/seats"
    kind = f"/organize/events/{event.slug}/messages/kinds/confirmation"
    mailing = db.session.get_one(Mailing, mailing_id)
    draft = f"/organize/events/{event.slug}/mailings/{mailing.uuid}"

    def of_event(read):
        def read_again():
            db.session.rollback()
            return read(db.session.get_one(Event, event_id, populate_existing=True))

        return read_again

    def read_draft():
        db.session.rollback()
        return db.session.get_one(Mailing, mailing_id, populate_existing=True).text

    return {
        "words": EditedForm(
            kind,
            f"{kind}/wording",
            "text",
            "Bring a bowl.",
            "Bring <two> bowls.",
            "Bring a spoon.",
            of_event(lambda event: event.wording["confirmation"]["text"]),
            {"headline": "Hello"},
        ),
        "capacity": EditedForm(
            seats,
            f"{seats}/{admission}/capacity",
            "seats",
            "50",
            "60",
            "70",
            of_event(lambda event: str(event.admissions[0].capacity)),
        ),
        "room": EditedForm(
            seats,
            f"{seats}/room",
            "seats",
            "80",
            "90",
            "95",
            of_event(lambda event: str(event.room_capacity)),
        ),
        "reserved": EditedForm(
            seats,
            f"{seats}/reserved",
            "seats",
            "2",
            "3",
            "4",
            of_event(lambda event: str(event.reserved_seats)),
        ),
        "draft": EditedForm(
            draft,
            draft,
            "text",
            "Soup is at six.",
            "Soup is at <seven>.",
            "Soup is at eight.",
            read_draft,
            {"subject": "Bring a bowl", "states": ["confirmed"]},
        ),
    }


# What was changed since the form was opened (None: nothing), what is sent with which
# version ("": the form's own), and what comes of it.
SITUATIONS: dict[str, tuple[str | None, str, str | None, int, str]] = {
    "nobody else": (None, "mine", "", 303, "mine"),
    "the other one changed it": ("theirs", "mine", "", 409, "theirs"),
    "to the same": ("mine", "mine", "", 303, "mine"),
    "nothing was written": ("theirs", "opened", "", 303, "theirs"),
    "no version": ("theirs", "mine", None, 303, "mine"),
    "a made-up version": ("theirs", "mine", "made up", 409, "theirs"),
    "a made-up version, alone": (None, "opened", "made up", 303, "opened"),
}


@for_each("situation", SITUATIONS, fresh=True)
def test_a_form_that_somebody_else_changed_is_not_saved_unseen(client, ada, situation):
    theirs, sent, version, status, saved = SITUATIONS[situation]
    offenders = {}
    for name, form in edited_forms(client).items():
        opened = form.open(client)
        if theirs:
            assert form.send(client, getattr(form, theirs), opened).status_code == 303
        answer = form.send(
            client, getattr(form, sent), opened if version == "" else version
        )
        came = answer.status_code, form.read()
        if came != (status, getattr(form, saved)):
            offenders[name] = came

    assert offenders == {}


def test_the_second_sees_both_and_loses_nothing(client, ada, app):
    forms = edited_forms(client)
    make_user("bo@example.org")
    other = app.test_client()
    sign_in(other, "bo@example.org")
    offenders = {}
    for name, form in forms.items():
        opened = form.open(client)
        assert form.send(other, form.theirs, opened).status_code == 303

        page = form.send(client, form.mine, opened)

        text = html.unescape(visible_text(page.text))
        written = html.unescape(form.in_page(page.text)[0])
        again = form.send(client, form.mine, form.version(page.text))
        seen = {
            "both": f"It says now {form.theirs} You wrote {form.mine}" in text,
            "who": name == "draft" or "Changed by bo@example.org," in text,
            "kept": f'value="{form.mine}"' in written or f"\n{form.mine}<" in written,
            "focus": page.text.count("autofocus") == 1,
            "saved": (again.status_code, form.read()) == (303, form.mine),
        }
        if not all(seen.values()):
            offenders[name] = [what for what, holds in seen.items() if not holds]

    assert offenders == {}


def test_fields_that_were_left_have_what_they_say_now(client, ada):
    form = edited_forms(client)["words"]
    opened = form.open(client)
    token = {"csrf_token": csrf_token(client, "/organize/"), "version": opened}
    words = {"headline": "Good evening", "text": form.opened}
    assert client.post(form.action, data=token | words).status_code == 303

    page = form.send(client, form.mine, opened)

    assert page.status_code == 409
    text = visible_text(page.text)
    assert "It says now Good evening You wrote Nothing: you had left it" in text
    assert "Changed by yourself, in another window," in text
    in_form = form.in_page(page.text)[0]
    assert 'value="Good evening"' in in_form
    assert form.mine in in_form


def test_a_mistake_does_not_hide_that_somebody_else_changed_it(client, ada):
    offenders = []
    for name, form in edited_forms(client).items():
        opened = form.open(client)
        form.send(client, form.theirs, opened)
        wrong = form.send(client, "{nonsense", opened)
        assert wrong.status_code == 422, name
        if form.send(client, form.mine, form.version(wrong.text)).status_code != 409:
            offenders.append(name)

    assert offenders == []


def test_words_that_somebody_changed_are_not_thrown_away_unseen(client, ada):
    form = edited_forms(client)["words"]
    opened = form.open(client)
    form.send(client, form.theirs, opened)
    token = {"csrf_token": csrf_token(client, "/organize/"), "version": opened}

    page = client.post(f"{form.action}/removal", data=token)

    assert page.status_code == 409
    assert form.read() == form.theirs
    assert "You wrote In our words" in visible_text(page.text)
