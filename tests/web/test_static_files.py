"""Static files: sheets by audience, each on top of what everybody has."""

from __future__ import annotations

import posixpath
import re

import pytest
from flask.testing import FlaskClient

from rsvp.web import static_files
from tests.paths import ROOT
from tests.support.door_client import enrol_phone, make_event_today, pass_link
from tests.support.factories import make_user
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


@pytest.mark.parametrize("sheet", static_files.STYLESHEETS)
def test_what_a_sheet_names_is_there(client: FlaskClient, sheet: str) -> None:
    text = client.get(f"/assets/x/{sheet}").text
    for address in re.findall(r'url\("([^"]+)"\)', text):
        file = posixpath.normpath(posixpath.join(posixpath.dirname(sheet), address))
        assert (STATIC / file).is_file(), address
