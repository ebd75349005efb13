"""Static files: sheets by audience, and scripts that come all at once."""

from __future__ import annotations

import posixpath
import re

import pytest
from flask.testing import FlaskClient

from rsvp.web import static_files
from tests.paths import ROOT
from tests.support.door_client import enrol_phone, make_event_today, pass_link
from tests.support.factories import make_user
from tests.support.for_each import for_each
from tests.support.pages.registration_form import make_upcoming_event, register_as
from tests.support.pages.sign_in import sign_in

pytestmark = pytest.mark.one_engine

STATIC = ROOT / "static"
ADA = "ada@example.org"


def linked_files(html: str, kind: str) -> list[str]:
    """The files that a page's head links, by their names in `static/`."""
    found = re.findall(rf'<link rel="{kind}" href="/assets/\w+/([^"]+)">', html)
    assert len(found) == html.count(f'<link rel="{kind}"')
    return found


# --- sheets -------------------------------------------------------------------------


def test_attendees_load_one_sheet(client: FlaskClient) -> None:
    event = make_upcoming_event()
    ticket = register_as(client, event, "ada")
    for page in ("/", f"/events/{event.slug}", ticket, f"{ticket}/details", "/nowhere"):
        assert linked_files(client.get(page).text, "stylesheet") == ["css/site.css"], (
            page
        )


def test_organizers_load_theirs_after_it(client: FlaskClient) -> None:
    event = make_upcoming_event()
    make_user(ADA)
    signing_in = client.get("/organize/sign-in").text
    sign_in(client, ADA)
    pages = [f"/organize/{path}" for path in ("", f"events/{event.slug}", "nowhere")]
    for html in (signing_in, *(client.get(page).text for page in pages)):
        assert linked_files(html, "stylesheet") == ["css/site.css", "css/organizer.css"]


def test_the_door_loads_its_own_after_it(client: FlaskClient) -> None:
    event = make_event_today()
    pass_page = client.get(pass_link(event)).text
    enrol_phone(client, event)
    for html in (pass_page, client.get("/door/").text):
        assert linked_files(html, "stylesheet") == ["css/site.css", "css/door.css"]


def test_each_style_is_in_one_sheet(client: FlaskClient) -> None:
    sheets = {
        name: client.get(f"/assets/x/{name}").text for name in static_files.STYLESHEETS
    }
    for file in (STATIC / "css").rglob("*.css"):
        text = file.read_text()
        assert [text in sheet for sheet in sheets.values()].count(True) == 1, file


@for_each("sheet", static_files.STYLESHEETS)
def test_what_a_sheet_names_is_there(client: FlaskClient, sheet: str) -> None:
    text = client.get(f"/assets/x/{sheet}").text
    for address in re.findall(r'url\("([^"]+)"\)', text):
        file = posixpath.normpath(posixpath.join(posixpath.dirname(sheet), address))
        assert (STATIC / file).is_file(), address


# --- scripts ------------------------------------------------------------------------


def modules_named(script: str) -> set[str]:
    """All that a script, and those that it names, name anywhere between quotes."""
    found: set[str] = set()
    left = [script]
    while left:
        name = left.pop()
        text = (STATIC / name).read_text()
        for address in re.findall(r'"(\.{1,2}/[\w./-]+\.js)"', text):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
            if other not in found:
                found.add(other)
                left.append(other)
    return found


def assert_modules_come_at_once(html: str) -> None:
    [script] = re.findall(r'<script type="module" src="/assets/\w+/([^"]+)">', html)
    preloaded = linked_files(html, "modulepreload")

    assert modules_named(script)
    assert set(preloaded) == modules_named(script)
    assert len(preloaded) == len(set(preloaded))
    assert html.index("modulepreload") < html.index('<script type="module"')


def test_an_event_page_asks_for_all_its_modules_at_once(client: FlaskClient) -> None:
    assert_modules_come_at_once(
        client.get(f"/events/{make_upcoming_event().slug}").text
    )


@for_each("page", ["", "/details", "/erasure"])
def test_registration_pages_do(client: FlaskClient, page: str) -> None:
    ticket = register_as(client, make_upcoming_event(), "ada")

    answer = client.get(f"{ticket}{page}")

    assert answer.status_code == 200
    assert_modules_come_at_once(answer.text)


def test_pages_at_the_door_do(client: FlaskClient) -> None:
    event = make_event_today()
    pass_page = client.get(pass_link(event)).text
    enrol_phone(client, event)
    assert_modules_come_at_once(pass_page)
    assert_modules_come_at_once(client.get("/door/").text)


def test_every_module_is_loaded_in_this_way() -> None:
    for file in (ROOT / "templates").rglob("*.html"):
        is_macro = file.name == "script.html"
        assert is_macro or '<script type="module"' not in file.read_text(), file


def test_no_script_is_there_for_no_page() -> None:
    """The worker is no module: the scanner's page names its address."""
    entries = {"js/public/event.js", "js/attendee/registration.js", "js/door/main.js"}
    loaded = entries.union(*map(modules_named, entries), {"js/door/decode-worker.js"})
    there = {
        path.relative_to(STATIC).as_posix() for path in (STATIC / "js").rglob("*.js")
    }

    assert there == loaded


def test_a_module_that_imports_nothing_has_nothing_to_preload(app) -> None:
    assert static_files.loaded_assets().imported_modules("js/lib/sticky-card.js") == []


@for_each(
    ("content", "named"),
    [
        ('import { a } from "./a.js"\n', ["js/door/a.js"]),
        ('import {\n  a,\n  b,\n} from "../lib/a.js"\n', ["js/lib/a.js"]),
        ('import "./a.js"\nimport b from "./b.js"\n', ["js/door/a.js", "js/door/b.js"]),
        ('export { a } from "./a.js"\n', ["js/door/a.js"]),
        ('export const A = "./a.js"\n', []),
        ('/* import of "./a.js" */\nconst said = "import"\n', []),
    ],
)
def test_imports_are_read_from_the_script(content: str, named: list[str]) -> None:
    assert static_files.find_imports("js/door/page.js", content) == named
