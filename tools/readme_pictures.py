"""Takes the pictures of the README's tour from the real pages, with the demo's data.

.venv/bin/python -m tools.readme_pictures
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from rsvp import create_app, tokens
from rsvp.db import utcnow
from rsvp.demo import load
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import Attendee
from tests.e2e.browser_guard import CHROMIUM_SWITCHES
from tests.paths import DOCS
from tests.support import services
from tests.support.door import code_of, make_pass
from tests.support.factories import CODE_KEY, PASSWORD, make_user
from tests.support.live_site import Site, run_site

PICTURES = DOCS / "pictures"
PHONE, DESK = (360, 740), (1100, 760)
ORGANIZER = "organizer@example.org"
EVENT = "seed-swap-supper"


def take(page: Page, name: str, size: tuple[int, int]) -> None:
    file = PICTURES / f"{name}.png"
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(300)
    page.screenshot(path=file)
    # As many colours as these pages have: a quarter of the bytes.
    Image.open(file).convert("RGB").quantize(128).save(file, optimize=True)


def sign_in(page: Page, here: Site) -> None:
    page.goto(f"{here.url}/organize/sign-in")
    page.get_by_label("Email").fill(ORGANIZER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/organize/")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with run_site("sqlite") as here, sync_playwright() as playwright:
        with create_app(here.settings).app_context():
            now = utcnow()
            load.load_sample_data(now, CODE_KEY)
            make_user(ORGANIZER)
            people = (
                db.session.query(Attendee)
                .filter(Attendee.registration.has(state="confirmed"))
                .all()
            )
            guest = next(
                each
                for each in people
                if each.registration.event.slug == EVENT
                and len(each.registration.attendees) == 2
                and all(one.name for one in each.registration.attendees)
            )
            code = tokens.code_text(code_of(guest))
            ticket = tokens.manage_token(CODE_KEY, guest.registration.uuid, 0)
            door = passes.pass_token(
                make_pass(guest.registration.event, now, at_once=True), CODE_KEY
            )
            db.session.remove()
        browser = playwright.chromium.launch(
            executable_path=services.CHROMIUM, args=CHROMIUM_SWITCHES
        )
        page = browser.new_context(color_scheme="light").new_page()
        page.goto(f"{here.url}/events/{EVENT}")
        take(page, "event", PHONE)
        page.goto(f"{here.url}/r/{ticket}")
        take(page, "ticket", (360, 1040))
        page.goto(f"{here.url}/door/{door}")
        page.get_by_label("Which door are you at?").fill("Garden gate")
        page.get_by_role("button", name="Scan with this phone").click()
        page.get_by_role("button", name="Type a code").click()
        page.get_by_label("The code under the QR picture").fill(code)
        page.get_by_role("button", name="Check the code").click()
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        page.get_by_role("heading", name="Welcome").wait_for()
        take(page, "door", PHONE)
        sign_in(page, here)
        page.goto(f"{here.url}/organize/events/{EVENT}/registrations")
        take(page, "people", DESK)
        browser.close()
    print(*sorted(path.name for path in Path(PICTURES).iterdir()))


if __name__ == "__main__":
    main()
