"""The door in a real browser: a camera that sees codes, codes that are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e.cameras import Camera, browser_with
from tests.e2e.conftest import until
from tests.e2e.evenings import (
    enrol,
    expect_verdict,
    next_one,
    prepare,
    start_scanning,
    type_code,
)
from tests.e2e.watching import phone_page
from tests.load.site import Site, site

pytestmark = pytest.mark.browser

COUNT = "[data-count]"


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    """One site for all of these: what differs between engines is tested elsewhere."""
    with site("sqlite") as running_site:
        yield running_site


def test_a_phone_scans_and_another_door_knows(
    here: Site, playwright: Playwright, tmp_path: Path
) -> None:
    tonight = prepare(here, ("Zoë Ωmega", "Ada Bell"))
    camera = Camera(tmp_path)
    camera.show(tonight.codes["Zoë Ωmega"])

    with browser_with(playwright, camera) as browser:
        with phone_page(browser) as page:
            asked: list[str] = []
            page.context.on("request", lambda one: asked.append(one.url))
            enrol(page, tonight.link)
            start_scanning(page)
            expect_verdict(page, "Welcome", "Zoë Ωmega", "Ada Bell", "not in yet")
            # A welcome goes by itself, and what is still held up is no new scan.
            expect(page.locator("section.verdict")).to_be_hidden()
            expect(page.locator(COUNT)).to_have_text("1 of 2 in")
            assert tonight.scans() == ["welcome"]
            # That the reader came from here was seen, and not merely overlooked.
            assert any(url.endswith(".wasm") for url in asked)

            # A stranger's code, then the guest's.
            page.get_by_role("button", name="Camera off").click()
            camera.show("https://reading-room.example.org/menu")
            start_scanning(page)
            expect_verdict(page, "No ticket")
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Camera off").click()
            camera.show(tonight.codes["Ada Bell"])
            start_scanning(page)
            expect_verdict(page, "Welcome", "Ada Bell")
            page.get_by_role("button", name="Undo", exact=True).click()
            expect_verdict(page, "Undone", "Ada Bell")
        assert tonight.is_in() == 1

        camera.show(tonight.codes["Zoë Ωmega"])
        with phone_page(browser) as page:
            enrol(page, tonight.link, "Side door")
            start_scanning(page)
            expect_verdict(page, "Already in", "Zoë Ωmega")
            why = page.locator("section.verdict [data-why]")
            since = re.compile(r"^Came in at \d\d:\d\d at Main entrance$")
            expect(why).to_have_text(since)
            page.get_by_role("button", name="They are leaving").click()
            expect_verdict(page, "Left", "Zoë Ωmega")
        assert tonight.is_in() == 0


@pytest.mark.parametrize("first", ["Zoë Ωmega", "Cy Gone"])
def test_of_two_codes_in_one_picture_a_no_is_not_overlooked(
    here: Site, playwright: Playwright, tmp_path: Path, first: str
) -> None:
    tonight = prepare(here, ("Zoë Ωmega",), ("Cy Gone",), gave_up="Cy Gone")
    codes = sorted(tonight.codes, key=lambda name: name != first)
    camera = Camera(tmp_path)
    camera.show(tuple(tonight.codes[name] for name in codes))

    with browser_with(playwright, camera) as browser, phone_page(browser) as page:
        enrol(page, tonight.link)
        start_scanning(page)
        until(lambda: len(tonight.scans()) == 2)
        page.wait_for_timeout(1000)
        expect_verdict(page, "Cancelled", "Cy Gone")

    assert sorted(tonight.scans()) == ["cancelled", "welcome"]


def test_codes_are_typed(here: Site, page: Page) -> None:
    tonight = prepare(here, ("Zoë Ωmega", "Ada Bell"))
    enrol(page, tonight.link)
    code = tonight.codes["Zoë Ωmega"]

    # Two neighbours that differ change places.
    at = next(i for i in range(10, len(code) - 1) if code[i] != code[i + 1])
    type_code(page, code[:at] + code[at + 1] + code[at] + code[at + 2 :])
    expect(page.get_by_text("This code has a typo")).to_be_visible()
    field = page.get_by_label("The code under the QR picture")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill(f" {code[:5]} {code[5:].lower()} ")
    page.get_by_role("button", name="Check the code").click()
    expect_verdict(page, "Welcome", "Zoë Ωmega", "Ada Bell", "not in yet")
    assert tonight.is_in() == 1

    page.get_by_role("button", name="Undo", exact=True).click()
    expect_verdict(page, "Undone")
    assert tonight.is_in() == 0


def test_what_could_not_be_sent_is_sent_once_the_network_is_back(
    here: Site, chromium: Browser
) -> None:
    tonight = prepare(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("ERR_INTERNET_DISCONNECTED",)) as page:
        enrol(page, tonight.link)
        page.context.set_offline(True)
        type_code(page, tonight.codes["Zoë Ωmega"])
        expect(page.get_by_text("Not sent yet: trying again")).to_be_visible()
        page.context.set_offline(False)
        expect_verdict(page, "Welcome", "Zoë Ωmega")

    assert tonight.scans() == ["welcome"]


def test_an_answer_that_is_lost_is_asked_for_again(
    here: Site, chromium: Browser
) -> None:
    """The scan arrived, the answer did not: the guest is welcome, not already in."""
    tonight = prepare(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("ERR_FAILED",)) as page:
        enrol(page, tonight.link)
        lost: list[str] = []

        def lose_one(route, request) -> None:
            if '"code":"1' in (request.post_data or "") and not lost:
                lost.append(route.fetch().text())
                route.abort()
            else:
                route.continue_()

        page.route("**/door/api/scans", lose_one)
        type_code(page, tonight.codes["Zoë Ωmega"])
        expect_verdict(page, "Welcome", "Zoë Ωmega")

    assert len(lost) == 1
    assert tonight.scans() == ["welcome"]


def test_without_a_camera_the_page_leads_to_the_typed_code(
    here: Site, chromium: Browser
) -> None:
    tonight = prepare(here, ("Zoë Ωmega",))
    with phone_page(chromium) as page:
        enrol(page, tonight.link)
        start_scanning(page)
        expect(page.locator("[data-trouble]")).to_be_visible()
        expect(page.get_by_role("button", name="Check the code")).to_be_visible()
        type_code(page, tonight.codes["Zoë Ωmega"])
        expect_verdict(page, "Welcome", "Zoë Ωmega")
        next_one(page)
        expect(page.locator(COUNT)).to_have_text("1 of 1 in")


def test_a_phone_stops_once_its_pass_is_taken_back(
    here: Site, chromium: Browser
) -> None:
    tonight = prepare(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("403",)) as page:
        enrol(page, tonight.link)
        tonight.end_door()
        type_code(page, tonight.codes["Zoë Ωmega"])
        expect(page.get_by_role("heading", name="no longer scans")).to_be_visible()
        expect(page.get_by_role("button", name="Start scanning")).to_be_hidden()

    assert tonight.scans() == []


def test_a_phone_that_is_done_scans_no_more(here: Site, chromium: Browser) -> None:
    tonight = prepare(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("401",)) as page:
        enrol(page, tonight.link)
        page.get_by_text("This phone is done", exact=True).click()
        page.get_by_role("button", name="Stop scanning with this phone").click()
        title = page.get_by_role("heading", level=1)
        expect(title).to_have_text("This phone is at no door")
        assert page.context.cookies() == []
