"""The door in a real browser: a camera that sees codes, codes that are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e.browser_guard import axe_violations, phone_page
from tests.e2e.conftest import wait_for
from tests.e2e.door_evening import (
    dismiss_verdict,
    enrol_phone,
    expect_verdict,
    make_door_evening,
    scan_by_keyboard,
    start_scanning,
    type_code,
)
from tests.e2e.fake_camera import Camera, PageCamera, browser_with_camera
from tests.support.live_site import Site, run_site

pytestmark = pytest.mark.browser

COUNT = "[data-count]"


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    """One site for all of these: what differs between engines is tested elsewhere."""
    with run_site("sqlite") as running_site:
        yield running_site


def test_a_phone_scans_and_another_door_knows(
    here: Site, playwright: Playwright, tmp_path: Path
) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega", "Ada Bell"))
    camera = Camera(tmp_path)
    camera.show(tonight.codes["Zoë Ωmega"], seconds=20)

    with browser_with_camera(playwright, camera) as browser:
        with phone_page(browser) as page:
            asked: list[str] = []
            page.context.on("request", lambda one: asked.append(one.url))
            enrol_phone(page, tonight.link)
            start_scanning(page)
            expect_verdict(page, "Welcome", "Zoë Ωmega", "Ada Bell", "not in yet")
            # A welcome goes by itself, and what is still held up is no new scan.
            expect(page.locator("section.verdict")).to_be_hidden()
            expect(page.get_by_text("Scanned already")).to_be_visible()
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
            enrol_phone(page, tonight.link, "Side door")
            start_scanning(page)
            expect_verdict(page, "Already in", "Zoë Ωmega")
            why = page.locator("section.verdict [data-why]")
            since = re.compile(r"^Came in at \d\d:\d\d at Main entrance$")
            expect(why).to_have_text(since)
            page.get_by_role("button", name="They are leaving").click()
            expect_verdict(page, "Left", "Zoë Ωmega")
        assert tonight.is_in() == 0


def test_a_picture_is_judged_as_a_whole(here: Site, chromium: Browser) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega", "Ada Bell"), ("Ben Ito",))
    zoe, ada, ben = (tonight.codes[n] for n in ("Zoë Ωmega", "Ada Bell", "Ben Ito"))
    with phone_page(chromium) as page:
        camera = PageCamera(page)
        enrol_phone(page, tonight.link)
        start_scanning(page)
        verdict = page.locator("section.verdict")

        # Of two parties nobody, and then each for itself.
        camera.hold(zoe, ben)
        expect_verdict(page, "One at a time", "Nobody was let in")
        page.keyboard.press("Escape")
        expect(page.get_by_text("Hold up one ticket at a time")).to_be_visible()
        assert tonight.scans() == []
        # What hangs on the wall is nothing.
        camera.hold(ben, "https://reading-room.example.org/menu")
        expect_verdict(page, "Welcome", "Ben Ito")

        # The same ticket again: at once, and not while it is held on.
        page.keyboard.press("Escape")
        expect(page.get_by_text("Scanned already")).to_be_visible()
        camera.hold()
        expect(page.get_by_text("Scanned already")).to_be_hidden()
        camera.hold(ben)
        expect_verdict(page, "Already in", " ago", "at Main entrance")
        assert tonight.scans() == ["welcome", "already_in"]

        # Two of one party are let in together, by one tap.
        camera.hold(zoe, ada)
        expect_verdict(page, "One party", "Zoë Ωmega", "Ada Bell", "not in yet")
        assert axe_violations(page) == []
        assert tonight.is_in() == 1
        page.get_by_role("button", name="Let 2 in").click()
        expect_verdict(page, "Welcome", "Zoë Ωmega", "Ada Bell")
        expect(verdict.locator("[data-rows] li")).to_have_count(2)
        page.get_by_role("button", name="Undo", exact=True).click()
        expect_verdict(page, "Undone", "Zoë Ωmega", "Ada Bell")
        assert tonight.scans()[2:] == ["welcome"] * 2 + ["undone"] * 2
        assert tonight.is_in() == 1


def test_a_scanner_that_types_scans_wherever_the_focus_is(
    here: Site, chromium: Browser
) -> None:
    names = ("Zoë Ωmega", "Ada Bell", "Ben Ito", "Cy Vos")
    tonight = make_door_evening(here, *((name,) for name in names))
    zoe, ada, ben, cy = (tonight.codes[name] for name in names)
    with phone_page(chromium) as page:
        enrol_phone(page, tonight.link)
        # On a button, which its Enter must not press.
        page.get_by_role("button", name="Start scanning").focus()
        scan_by_keyboard(page, zoe)
        expect_verdict(page, "Welcome", "Zoë Ωmega")
        # While a verdict is shown: it is not put away, and the next one follows it.
        scan_by_keyboard(page, f"]Q1{ada}")
        expect_verdict(page, "Welcome", "Ada Bell")
        expect(page.locator("[data-trouble]")).to_be_hidden()
        page.keyboard.press("Escape")
        # In the field, where somebody has begun to type; by a German keyboard's keys.
        page.get_by_role("button", name="Type a code").click()
        field = page.get_by_label("The code under the QR picture")
        field.fill("1AB")
        scan_by_keyboard(page, ben.translate(str.maketrans("YZ", "ZY")), end="Tab")
        expect_verdict(page, "Welcome", "Ben Ito")
        expect(field).to_have_value("1AB")
        page.keyboard.press("Escape")
        scan_by_keyboard(page, cy[:20])
        expect(page.get_by_text("This code is too short")).to_be_visible()
        field.blur()
        scan_by_keyboard(page, cy[:20])
        expect_verdict(page, "Not read in full")
        # One that ends with no key.
        scan_by_keyboard(page, zoe, end="")
        expect_verdict(page, "Already in", "Zoë Ωmega")
        # Nothing but the verdict can be reached, and Escape puts it away from anywhere.
        expect(page.locator(".skip")).to_have_js_property("inert", True)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Escape")
        expect(page.locator("section.verdict")).to_be_hidden()

    assert tonight.scans() == ["welcome"] * 3 + ["already_in"]


def test_a_camera_that_is_off_is_off_and_one_that_is_taken_says_so(
    here: Site, chromium: Browser
) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega",))
    with phone_page(chromium) as page:
        camera = PageCamera(page, "one", "two")
        enrol_phone(page, tonight.link)
        camera.hold(tonight.codes["Zoë Ωmega"])

        def press(name: str) -> None:
            page.get_by_role("button", name=name).click()

        # Off while it opens: then it never was on.
        camera.wait_to_open()
        start_scanning(page)
        press("Camera off")
        camera.open_all()
        wait_for(lambda: camera.opened() == ["one"])
        assert camera.live() == []

        # The other one, twice: one of them is live.
        start_scanning(page)
        expect_verdict(page, "Welcome", "Zoë Ωmega")
        page.keyboard.press("Escape")
        camera.wait_to_open()
        press("Other camera")
        press("Other camera")
        camera.open_all()
        wait_for(lambda: len(camera.opened()) == 4)
        wait_for(lambda: camera.live() == ["one"])

        # A light that stays dark is not said to be on.
        press("Light")
        page.wait_for_timeout(100)
        light = page.get_by_role("button", name="Light")
        expect(light).to_have_attribute("aria-pressed", "false")

        camera.happens("mute")
        expect(page.get_by_text("The camera was taken away")).to_be_visible()
        camera.happens("unmute")
        expect(page.get_by_text("The camera was taken away")).to_be_hidden()
        expect(page.get_by_role("button", name="Camera off")).to_be_visible()
        camera.happens("ended")
        expect(page.get_by_text("The camera was taken away")).to_be_visible()
        assert camera.live() == []
        start_scanning(page)
        wait_for(lambda: camera.live() == ["one"])
        expect_verdict(page, "Already in", "Zoë Ωmega")


def test_codes_are_typed(here: Site, page: Page) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega", "Ada Bell"))
    enrol_phone(page, tonight.link)
    code = tonight.codes["Zoë Ωmega"]
    # Scanners that type need it where no script hears them.
    if page.get_by_text("This browser runs no scripts").is_visible():
        expect(page.get_by_label("The code under the QR picture")).to_be_focused()

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
    page.keyboard.type(tonight.codes["Ada Bell"])
    page.keyboard.press("Enter")
    expect_verdict(page, "Welcome", "Ada Bell")


def test_what_could_not_be_sent_is_sent_once_the_network_is_back(
    here: Site, chromium: Browser
) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("ERR_INTERNET_DISCONNECTED",)) as page:
        enrol_phone(page, tonight.link)
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
    tonight = make_door_evening(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("ERR_FAILED",)) as page:
        enrol_phone(page, tonight.link)
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
    tonight = make_door_evening(here, ("Zoë Ωmega",))
    with phone_page(chromium) as page:
        enrol_phone(page, tonight.link)
        start_scanning(page)
        expect(page.locator("[data-trouble]")).to_be_visible()
        expect(page.get_by_role("button", name="Check the code")).to_be_visible()
        type_code(page, tonight.codes["Zoë Ωmega"])
        expect_verdict(page, "Welcome", "Zoë Ωmega")
        dismiss_verdict(page)
        expect(page.locator(COUNT)).to_have_text("1 of 1 in")


def test_a_phone_stops_once_its_pass_is_taken_back(
    here: Site, chromium: Browser
) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("403",)) as page:
        camera = PageCamera(page)
        enrol_phone(page, tonight.link)
        start_scanning(page)
        camera.hold(tonight.codes["Zoë Ωmega"])
        expect_verdict(page, "Welcome", "Zoë Ωmega")
        dismiss_verdict(page)
        tonight.end_door()
        camera.hold()
        scan_by_keyboard(page, tonight.codes["Zoë Ωmega"])
        expect(page.get_by_role("heading", name="no longer scans")).to_be_visible()
        expect(page.get_by_role("button", name="Camera off")).to_be_hidden()
        # It can be read, though the camera's dark picture was there before.
        assert axe_violations(page) == []
        assert camera.live() == []

    assert tonight.scans() == ["welcome"]


def test_a_phone_that_is_done_scans_no_more(here: Site, chromium: Browser) -> None:
    tonight = make_door_evening(here, ("Zoë Ωmega",))
    with phone_page(chromium, expected=("401",)) as page:
        enrol_phone(page, tonight.link)
        page.get_by_text("This phone is done", exact=True).click()
        page.get_by_role("button", name="Stop scanning with this phone").click()
        title = page.get_by_role("heading", level=1)
        expect(title).to_have_text("This phone is at no door")
        assert page.context.cookies() == []
