"""Every page in a real browser: axe-core finds nothing, nothing scrolls sideways at
320 pixels, and the keyboard alone is enough.

A page is one line of PAGES: what it is called, who looks at it, and where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from rsvp import create_app
from tests.e2e.browser_guard import MAX_WAIT, axe_violations
from tests.e2e.site_data import ORGANIZER, SiteData, make_site_data
from tests.support.factories import PASSWORD
from tests.support.for_each import for_each
from tests.support.live_site import Site, run_site

pytestmark = pytest.mark.browser

expect.set_options(timeout=MAX_WAIT * 1000)


def send_empty_form(page: Page) -> None:
    page.locator("form.form").evaluate("f => { f.noValidate = true; f.submit() }")
    expect(page.locator("#mistakes")).to_be_visible()


Where = Callable[[SiteData], str]
PAGES: list[tuple[str, str, Where]] = [
    ("what's on", "anyone", lambda made: "/"),
    ("an event", "anyone", lambda made: f"/events/{made.open}"),
    ("a full event", "anyone", lambda made: f"/events/{made.full}"),
    ("a closed event", "anyone", lambda made: f"/events/{made.closed}"),
    ("a ticket", "anyone", lambda made: made.ticket),
    ("a place in line", "anyone", lambda made: made.waitlist),
    ("a guest's ticket", "anyone", lambda made: made.guest),
    ("an offer", "anyone", lambda made: made.own["offered"]),
    ("an offer of fewer", "anyone", lambda made: made.own["fewer"]),
    ("an offer that ended", "anyone", lambda made: made.own["ended"]),
    ("a party passed over", "anyone", lambda made: made.own["passed"]),
    ("an address to confirm", "anyone", lambda made: made.own["held"]),
    ("a request", "anyone", lambda made: made.own["asked"]),
    ("an event by approval", "anyone", lambda made: made.own["approval"]),
    ("an event for the invited", "anyone", lambda made: made.own["invited"]),
    ("still coming", "anyone", lambda made: f"{made.own['coming']}/coming"),
    ("a ticket that is asked about", "anyone", lambda made: made.own["coming"]),
    ("thanks for coming", "anyone", lambda made: f"{made.own['comes']}/coming"),
    ("names and answers", "anyone", lambda made: f"{made.own['mine']}/details"),
    ("a guest more", "anyone", lambda made: f"{made.own['mine']}/guests"),
    ("another way", "anyone", lambda made: f"{made.own['mine']}/admission"),
    ("another address", "anyone", lambda made: f"{made.own['mine']}/address"),
    ("somebody else", "anyone", lambda made: f"{made.own['mine']}/successor"),
    ("deleting it", "anyone", lambda made: f"{made.own['mine']}/erasure"),
    ("a lost mail", "anyone", lambda made: "/lost-mail"),
    ("no more mails", "anyone", lambda made: made.own["mute"]),
    ("all mails again", "anyone", lambda made: made.own["muted"]),
    ("a dead link", "anyone", lambda made: "/r/xxxxxxxxxxxxxxxxxxxxxQ"),
    ("nothing there", "anyone", lambda made: "/events/nothing-here"),
    ("sign in", "anyone", lambda made: "/organize/sign-in"),
    ("events", "organizer", lambda made: "/organize/"),
    ("past events", "organizer", lambda made: "/organize/?past=yes"),
    ("an event's overview", "organizer", lambda made: f"/organize/events/{made.open}"),
    ("people", "organizer", lambda made: people(made.open)),
    (
        "people who wait",
        "organizer",
        lambda made: f"{people(made.full)}?state=waitlisted&search=dora",
    ),
    ("people who were asked", "organizer", lambda made: made.own["answers"]),
    ("one who did not answer", "organizer", lambda made: made.own["silent"]),
    ("nobody found", "organizer", lambda made: f"{people(made.open)}?search=nobody"),
    (
        "a registration",
        "organizer",
        lambda made: f"{people(made.open)}/{made.reference}",
    ),
    ("one that waits", "organizer", lambda made: f"{people(made.full)}/{made.waits}"),
    (
        "requests",
        "organizer",
        lambda made: f"{people(made.asked)}?state=requested&ticked=all",
    ),
    (
        "a request to decide",
        "organizer",
        lambda made: f"{people(made.asked)}/{made.asks}",
    ),
    ("one that is over", "organizer", lambda made: f"{people(made.full)}/{made.over}"),
    ("seats", "organizer", lambda made: f"/organize/events/{made.full}/seats"),
    (
        "calling off",
        "organizer",
        lambda made: f"/organize/events/{made.full}/cancellation",
    ),
    (
        "invitations",
        "organizer",
        lambda made: f"/organize/events/{made.invited}/invitations",
    ),
    ("the door", "organizer", lambda made: f"/organize/events/{made.open}/door"),
    ("who is in", "organizer", lambda made: f"/organize/events/{made.open}/check-in"),
    (
        "who is awaited",
        "organizer",
        lambda made: f"/organize/events/{made.open}/check-in?awaited=yes",
    ),
    ("a door pass", "anyone", lambda made: made.door),
    ("no door", "anyone", lambda made: "/door/"),
    ("a forgotten password", "anyone", lambda made: "/organize/password"),
    ("messages", "organizer", lambda made: "/organize/messages"),
    ("a message", "organizer", lambda made: f"/organize/messages/{made.message}"),
    ("a refused message", "organizer", lambda made: made.own["refused"]),
    ("own mails", "organizer", lambda made: mailings_of(made)),
    ("a new mail", "organizer", lambda made: f"{mailings_of(made)}/new"),
    ("a draft", "organizer", lambda made: f"{mailings_of(made)}/{made.mailing}"),
    (
        "sending a mail",
        "organizer",
        lambda made: f"{mailings_of(made)}/{made.mailing}/sending",
    ),
    (
        "kinds of mail",
        "organizer",
        lambda made: f"/organize/events/{made.open}/messages/kinds",
    ),
    (
        "a kind of mail",
        "organizer",
        lambda made: f"/organize/events/{made.open}/messages/kinds/offer",
    ),
    ("background work", "organizer", lambda made: "/organize/work"),
    ("nothing to organize", "organizer", lambda made: "/organize/events/nothing-here"),
]


def people(event: str) -> str:
    return f"/organize/events/{event}/registrations"


def mailings_of(made: SiteData) -> str:
    return f"/organize/events/{made.open}/mailings"


def send_empty_mail(page: Page) -> None:
    page.get_by_role("button", name="Save and look at it").click()
    expect(page.locator("#text-mistake")).to_be_visible()


def send_now_and_later(page: Page) -> None:
    page.get_by_label("Day and time").fill("2037-01-29T18:00")
    page.get_by_role("button", name="Yes, send it").click()
    expect(page.locator("#when-mistake")).to_be_visible()


def open_second_thoughts(page: Page) -> None:
    for question in page.locator("details.disclosure").all():
        question.evaluate("d => { d.open = true }")


def enrol_phone(page: Page) -> None:
    page.get_by_label("Which door are you at?").fill("Main entrance")
    page.get_by_role("button", name="Scan with this phone").click()
    expect(page.get_by_role("button", name="Start scanning")).to_be_visible()


def send_wrong_capacity(page: Page) -> None:
    page.get_by_text("Change the capacity").first.click()
    page.get_by_label("Capacity of").fill("ten")
    page.get_by_role("button", name="Set the capacity").click()
    expect(page.locator(".field__mistake")).to_be_visible()


# What is done on the page before it is looked at.
STEPS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "the scanner": ("a door pass", enrol_phone),
    "a form with mistakes": ("an event", send_empty_form),
    "a wrong capacity": ("seats", send_wrong_capacity),
    "details with mistakes": ("another way", send_empty_form),
    "a mail with mistakes": ("a new mail", send_empty_mail),
    "a mail sent at two times": ("sending a mail", send_now_and_later),
    "second thoughts": ("an offer", open_second_thoughts),
}

LOOKS = [(360, "light"), (1280, "dark")]
"""Each width and each scheme once; all four take twice as long and found no more."""
ALL_LOOKS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]


# --- the site -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def here(chromium: Browser) -> Iterator[Site]:
    with run_site("sqlite", WEB_PROCESSES="1") as running_site:
        yield running_site


@pytest.fixture(scope="module")
def made(here: Site) -> SiteData:
    app = create_app(here.settings)
    with app.app_context():
        return make_site_data()


@pytest.fixture(scope="module")
def visitors(
    chromium: Browser, here: Site, made: SiteData
) -> Iterator[dict[str, Page]]:
    """A page for each kind of person, kept for all that they look at."""
    contexts: list[BrowserContext] = []

    def new_page() -> Page:
        context = chromium.new_context(reduced_motion="reduce")
        context.set_default_timeout(MAX_WAIT * 1000)
        contexts.append(context)
        return context.new_page()

    organizer = new_page()
    organizer.goto(f"{here.url}/organize/sign-in")
    organizer.get_by_label("Email").fill(ORGANIZER)
    organizer.get_by_label("Password").fill(PASSWORD)
    organizer.get_by_role("button", name="Sign in").click()
    expect(organizer.get_by_role("heading", level=1)).to_have_text("Events")
    yield {"anyone": new_page(), "organizer": organizer}
    for context in contexts:
        context.close()


# --- looking ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "looks",
    [LOOKS, pytest.param(ALL_LOOKS, marks=pytest.mark.soak)],
    ids=["two looks", "all looks"],
)
@for_each("name", [*(name for name, _, _ in PAGES), *STEPS], ids=str)
def test_a_page_is_for_everybody(
    name: str,
    looks: list[tuple[int, str]],
    here: Site,
    made: SiteData,
    visitors: dict[str, Page],
) -> None:
    base, step = STEPS.get(name, (name, None))
    who, where = next((who, where) for n, who, where in PAGES if n == base)
    page = visitors[who]
    page.goto(here.url + where(made))
    if step:
        step(page)
    found = []
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        found += [f"{width} {scheme}: {line}" for line in axe_violations(page)]
    page.set_viewport_size({"width": 320, "height": 800})
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )

    assert found == []
    assert wide <= 0, f"{wide} pixels stick out at 320"


# --- by keyboard --------------------------------------------------------------------


def focused(page: Page) -> dict[str, Any]:
    """What has the focus, and whether one can see that it has."""
    return page.evaluate(
        """() => {
          const here = document.activeElement
          const look = getComputedStyle(here)
          const ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 0
          return {
            tag: here.tagName.toLowerCase(),
            name: here.name || here.textContent.trim().replace(/\\s+/g, " "),
            seen: ring || look.boxShadow !== "none",
          }
        }"""
    )


def tab_to(page: Page, name: str, limit: int = 60) -> None:
    """Press Tab until that has the focus; each stop on the way must be visible."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        here = focused(page)
        if here["tag"] != "body":
            assert here["seen"], f"nobody sees that {here} has the focus"
        if name in (here["name"], here["tag"]):
            return
    raise AssertionError(f"Tab never reaches {name}")


def test_an_organizer_needs_no_mouse(
    chromium: Browser, here: Site, made: SiteData
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(MAX_WAIT * 1000)
    page = context.new_page()
    page.goto(f"{here.url}/organize/sign-in")
    # The first field has the focus already.
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type(ORGANIZER)
    tab_to(page, "password")
    page.keyboard.type(PASSWORD)
    tab_to(page, "Sign in")
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Events")

    tab_to(page, "Letters and soup")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Letters and soup")
    tab_to(page, "Messages")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Messages")
    tab_to(page, "Confirmation")
    page.keyboard.press("Enter")
    expect(page.locator("iframe")).to_be_visible()
    page.goto(f"{here.url}/organize/")
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Sign in")
    context.close()


def test_an_attendee_needs_no_mouse(
    chromium: Browser, here: Site, made: SiteData
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(MAX_WAIT * 1000)
    page = context.new_page()
    page.goto(f"{here.url}/events/{made.full}")
    tab_to(page, "Skip to the content")
    tab_to(page, "name")
    page.keyboard.type("Gil Roy")
    tab_to(page, "email")
    page.keyboard.type("gil@example.org")
    # Enter in a field sends the form.
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("waitlist")
    context.close()


def test_an_offer_is_answered_without_a_mouse(
    chromium: Browser, here: Site, made: SiteData
) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 800})
    context.set_default_timeout(MAX_WAIT * 1000)
    page = context.new_page()
    page.goto(here.url + made.own["fewer"])
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("2 of your 3 places are free")
    tab_to(page, "coming")
    # The first is ticked beforehand: not her, but her sister and the guest.
    page.keyboard.press("Space")
    tab_to(page, "coming")
    tab_to(page, "coming")
    page.keyboard.press("Space")
    tab_to(page, "Yes, these come")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("You have 2 places")
    expect(page.locator(".ticket").first).to_contain_text("Cancelled")
    context.close()


def test_an_invitation_is_typed_in_by_its_link(
    chromium: Browser, here: Site, made: SiteData
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(here.url + made.own["invited"])
    expect(page.get_by_label("Your invitation code")).to_have_value("1ABC")
    context.close()


def test_requests_are_decided_by_keyboard(
    here: Site, made: SiteData, visitors: dict[str, Page]
) -> None:
    page = visitors["organizer"]
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{here.url}{people(made.asked)}?state=requested")
    tab_to(page, "reference")
    page.keyboard.press("Space")
    tab_to(page, "why")
    page.keyboard.type("See you there")
    # Enter sends nothing: it can't mean yes where there is a no as well.
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_have_count(0)
    tab_to(page, "decision")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("1 is approved and has a place.")


def test_only_a_party_is_asked_if_fewer_is_fine(
    chromium: Browser, here: Site, made: SiteData
) -> None:
    context = chromium.new_context()
    context.set_default_timeout(MAX_WAIT * 1000)
    page = context.new_page()
    page.goto(f"{here.url}/events/{made.full}")
    fewer = page.get_by_label("Fewer of us is fine")
    expect(fewer).to_be_hidden()
    page.get_by_role("button", name="Add a guest").click()
    expect(fewer).to_be_visible()
    page.get_by_role("button", name="Take this guest off").click()
    expect(fewer).to_be_hidden()
    context.close()


@for_each("name", ["an event", "a ticket", "a door pass"])
def test_no_script_waits_for_another_that_imports_it(
    name: str, here: Site, made: SiteData, chromium: Browser
) -> None:
    """The page itself names each of them, so the browser asks for all at once."""
    where = next(where for n, _who, where in PAGES if n == name)
    context = chromium.new_context()
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    asked: dict[str, str] = {}

    def note(sent: dict[str, Any]) -> None:
        if sent["request"]["url"].endswith(".js"):
            asked[sent["request"]["url"]] = sent["initiator"]["type"]

    network.on("Network.requestWillBeSent", note)
    page.goto(here.url + where(made), wait_until="networkidle")
    context.close()

    assert len(asked) > 3
    assert {url for url, asker in asked.items() if asker != "parser"} == set()
