"""A whole evening: from a file to a mail, a scan at the door, the list and its file."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from rsvp import create_app
from rsvp.db import utcnow
from rsvp.domain import invariants
from tests.e2e.browser_guard import phone_page
from tests.e2e.conftest import next_mail, qr_texts
from tests.e2e.door_evening import (
    dismiss_verdict,
    enrol_phone,
    expect_verdict,
    start_scanning,
)
from tests.e2e.fake_camera import Camera, browser_with_camera
from tests.paths import EVENT_FILES
from tests.support.live_site import Site, run_rsvp
from tests.support.smtp_server import MailServer

pytestmark = pytest.mark.browser

SLUG = "letters-and-soup"
PASSWORD = "a long enough password"
WRITTEN = re.compile(r"2027-01-\d\d \d\d:\d\d")


def import_for_tonight(here: Site) -> None:
    """The 30-chair event, moved so that its door counts and its form is still open: it
    begins in ten hours, in UTC, where no hour is missing on any day."""
    text = (EVENT_FILES / f"{SLUG}.yaml").read_text()
    text = text.replace("Europe/Amsterdam", "UTC")
    starts = datetime(2027, 1, 29, 18, 0)
    by = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=10) - starts

    def moved(found: re.Match[str]) -> str:
        return f"{datetime.fromisoformat(found[0]) + by:%Y-%m-%d %H:%M}"

    run_rsvp(
        "event",
        "import",
        "-",
        environ=here.environ,
        stdin=WRITTEN.sub(moved, text),
    )


def register(page: Page, here: Site) -> None:
    page.goto(f"{here.url}/events/{SLUG}")
    page.get_by_label("Your name").fill("Zoë Ωmega")
    page.get_by_label("Your email address").fill("zoe@example.org")
    page.get_by_role("button", name="Add a guest").click()
    guest = page.get_by_role("group", name="Guest 1").get_by_role("textbox").first
    guest.fill("Ada Guest")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have 2 places")


def sign_in(page: Page, here: Site) -> None:
    page.goto(f"{here.url}/organize/sign-in")
    page.get_by_label("Email").fill("organizer@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Letters and Soup").click()


def make_pass(page: Page) -> str:
    """Make a door pass at the desk and say its link."""
    page.get_by_role("link", name="Door", exact=True).click()
    page.get_by_role("button", name="Make a pass").click()
    page.get_by_text("Show the code for phones").click()
    link = page.locator(".pass__link a").get_attribute("href")
    assert link
    return link


def test_from_the_announcement_to_the_door(
    here: Site,
    mailbox: MailServer,
    chromium: Browser,
    playwright: Playwright,
    tmp_path: Path,
) -> None:
    import_for_tonight(here)
    run_rsvp(
        "user",
        "create",
        "organizer@example.org",
        "--ask",
        environ=here.environ,
        stdin=PASSWORD,
    )

    # A guest registers for two, and gets a mail with two codes.
    with phone_page(chromium) as page:
        register(page, here)
    zoe, ada = qr_texts(next_mail(mailbox, "zoe@example.org"))

    # The organizer makes a pass for the door.
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    desk = context.new_page()
    sign_in(desk, here)
    link = make_pass(desk)

    # A volunteer scans what the mail showed.
    camera = Camera(tmp_path)
    camera.show(zoe)
    with (
        browser_with_camera(playwright, camera) as browser,
        phone_page(browser) as phone,
    ):
        enrol_phone(phone, link, "Courtyard")
        start_scanning(phone)
        expect_verdict(phone, "Welcome", "Zoë Ωmega", "Ada Guest")
        expect(phone.locator("section.verdict")).to_be_hidden()
        expect(phone.locator("[data-count]")).to_have_text("1 of 2 in")
        phone.get_by_role("button", name="Camera off").click()
        # The same ticket again, as somebody else might show it.
        phone.reload()
        start_scanning(phone)
        expect_verdict(phone, "Already in", "Zoë Ωmega", "Courtyard")
        dismiss_verdict(phone)

    # The organizer sees who is in, and who is not yet.
    desk.get_by_role("link", name="Who is in", exact=True).click()
    expect(desk.locator(".attendance__number")).to_contain_text("1")
    expect(desk.locator(".arrival")).to_contain_text("Zoë Ωmega")
    expect(desk.locator(".arrival")).to_contain_text("Courtyard")
    desk.get_by_role("link", name="Not here yet").click()
    expect(desk.locator(".arrival")).to_contain_text("Ada Guest")

    # The list as a file says the same.
    answer = context.request.get(f"{here.url}/organize/events/{SLUG}/registrations.csv")
    assert answer.ok
    rows = list(csv.DictReader(io.StringIO(answer.body().decode("utf-8-sig"))))
    came = {row["name"]: bool(row["checked_in_at"]) for row in rows}
    assert came == {"Zoë Ωmega": True, "Ada Guest": False}
    context.close()
    assert ada != zoe

    with create_app(here.settings).app_context():
        assert invariants.find_problems(utcnow()) == []
