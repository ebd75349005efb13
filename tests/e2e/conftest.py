"""Fixtures for journeys: a real site, a real mail server, real Chromium."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.e2e.browser_guard import CHROMIUM_SWITCHES, MAX_WAIT, phone_page
from tests.paths import EVENT_FILES
from tests.support import services
from tests.support.live_site import Site, run_rsvp, run_site
from tests.support.smtp_server import MailServer, running_server


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    services.need("browser")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(
        executable_path=services.CHROMIUM, args=CHROMIUM_SWITCHES
    )
    yield browser
    browser.close()


@pytest.fixture
def mailbox() -> Iterator[MailServer]:
    with running_server(MailServer()) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest, mailbox: MailServer) -> Iterator[Site]:
    """A site whose worker sends to the mailbox, once per engine."""
    if request.param == "postgresql":
        services.need("postgresql")
    # One web process is enough for one browser, and starts sooner.
    to_mailbox = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(mailbox.port)}
    with run_site(request.param, WEB_PROCESSES="1", **to_mailbox) as running_site:
        yield running_site


@pytest.fixture(params=["with script", "without script"])
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A phone's browser; anything a page asks of another host fails the test."""
    with phone_page(chromium, script=request.param == "with script") as page:
        yield page


def import_case(here: Site, name: str) -> None:
    """Import an acceptance event, moved fifty years on so that it is always to come."""
    text = (EVENT_FILES / f"{name}.yaml").read_text().replace(": 2027-", ": 2077-")
    run_rsvp("event", "import", "-", environ=here.environ, stdin=text)


def next_mail(mailbox: MailServer, address: str, number: int = 1) -> EmailMessage:
    """The number-th mail to an address, once it has arrived."""
    return wait_for(lambda: (mailbox.mails_to(address)[number - 1 :] or [None])[0])


def wait_for(find: Callable[[], Any]) -> Any:
    end = time.monotonic() + MAX_WAIT
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def qr_texts(mail: EmailMessage) -> list[str]:
    """What the QR pictures in a mail say, in their order."""
    pictures = [p for p in mail.walk() if p.get_content_type() == "image/png"]
    texts = []
    for picture in pictures:
        image = Image.open(io.BytesIO(picture.get_payload(decode=True)))
        texts += [code.text for code in zxingcpp.read_barcodes(image)]
    return texts


def body_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys that run on both engines, with and without script, take one or two of
    the four ways in `make test`: a site of its own for each takes its time to start."""
    for item in items:
        params = getattr(item, "callspec", None)
        ways = params.params if params else {}
        way = (ways.get("here"), ways.get("page"))
        name = getattr(item, "originalname", "")
        if way in CROSSINGS or way != ONE_WAY.get(name, way):
            item.add_marker(pytest.mark.soak)


CROSSINGS = {("sqlite", "without script"), ("postgresql", "with script")}
ONE_WAY = {
    "test_the_hall_and_the_webinar": ("sqlite", "with script"),
    "test_the_thirty_chairs": ("sqlite", "with script"),
    "test_from_an_address_to_a_place_passed_on": ("postgresql", "without script"),
    "test_an_account_from_its_link_to_its_second_password": ("sqlite", "with script"),
    "test_from_the_announcement_to_the_door": ("sqlite", None),
}
