"""An evening at the door: what organizers prepare, and what volunteers press."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from rsvp import create_app
from rsvp.db import utcnow, writing
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import CheckIn, Scan
from tests.e2e.browser_guard import MAX_WAIT
from tests.support.door import attendees_of
from tests.support.door_client import make_event_today, pass_link, printed_code
from tests.support.factories import cancel, register
from tests.support.live_site import Site


@dataclass(frozen=True)
class DoorEvening:
    """An event that begins in half an hour, its door's link, its people's codes."""

    here: Site
    event_id: int
    link: str
    codes: dict[str, str]

    def is_in(self) -> int:
        """How many are in, as the database has it."""
        wanted = select(func.count(CheckIn.id)).where(
            CheckIn.event_id == self.event_id, CheckIn.out_at.is_(None)
        )
        with inside(self.here):
            return db.session.scalar(wanted) or 0

    def scans(self) -> list[str]:
        """The verdicts of all scans that were kept, in the order they arrived."""
        wanted = (
            select(Scan.verdict)
            .where(Scan.event_id == self.event_id)
            .order_by(Scan.received_at)
        )
        with inside(self.here):
            return list(db.session.scalars(wanted))

    def end_door(self) -> None:
        """The organizer takes all the event's passes back."""
        with inside(self.here):
            ids = [door_pass.id for door_pass in passes.list_passes(self.event_id)]
            with writing():
                for pass_id in ids:
                    passes.revoke_pass(pass_id, actor="command", now=utcnow())


@contextmanager
def inside(here: Site) -> Iterator[None]:
    """The site's application, to look at what its processes look at."""
    with create_app(here.settings).app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def make_door_evening(
    here: Site, *parties: tuple[str, ...], gave_up: str = ""
) -> DoorEvening:
    """An evening with these parties registered; the party of `gave_up` no more."""
    with inside(here):
        event = make_event_today(title="Letters and Soup")
        for names in parties:
            outcome = register(event, *names, now=utcnow())
            if gave_up in names:
                cancel(outcome, utcnow())
        codes = {a.name or "": printed_code(a) for a in attendees_of(event)}
        return DoorEvening(here, event.id, here.url + pass_link(event), codes)


# --- what volunteers press ----------------------------------------------------------


def enrol_phone(page: Page, link: str, door: str = "Main entrance") -> None:
    page.goto(link)
    page.get_by_label("Which door are you at?").fill(door)
    page.get_by_role("button", name="Scan with this phone").click()
    expect(page.get_by_text(door, exact=True)).to_be_visible()


def start_scanning(page: Page) -> None:
    page.get_by_role("button", name="Start scanning").click()


def type_code(page: Page, code: str) -> None:
    """Type a code, in the form that is there (without script) or behind a button."""
    field = page.get_by_label("The code under the QR picture")
    if not field.is_visible():
        page.get_by_role("button", name="Type a code").click()
    field.fill(code)
    page.get_by_role("button", name="Check the code").click()


def scan_by_keyboard(page: Page, text: str, end: str = "Enter") -> None:
    """What a scanner does that stands for a keyboard: real keys, a hundredth of a
    second apart by their own time, however busy this machine is."""
    session = page.context.new_cdp_session(page)
    began = time.time()
    for number, key in enumerate([*text, end] if end else text):
        pressed = {"key": key, "timestamp": began + number / 100}
        if len(key) == 1:
            pressed["text"] = key
        if key == "Enter":
            pressed |= {"text": "\r", "code": "Enter", "windowsVirtualKeyCode": 13}
        if key == "Tab":
            pressed |= {"code": "Tab", "windowsVirtualKeyCode": 9}
        session.send("Input.dispatchKeyEvent", {"type": "keyDown"} | pressed)
        pressed.pop("text", None)
        session.send("Input.dispatchKeyEvent", {"type": "keyUp"} | pressed)
    session.detach()


def expect_verdict(page: Page, word: str, *texts: str) -> None:
    verdict = page.locator("section.verdict")
    heading = verdict.get_by_role("heading", name=word, exact=True)
    expect(heading).to_be_visible(timeout=MAX_WAIT * 1000)
    for text in texts:
        expect(verdict).to_contain_text(text)


def dismiss_verdict(page: Page) -> None:
    """Put the verdict away."""
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator("section.verdict")).to_be_hidden()
