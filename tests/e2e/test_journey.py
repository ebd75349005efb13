"""Whole journeys: announced from a file, registered on a phone, mailed, given up."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page, expect

from rsvp import create_app, tokens
from rsvp.db import utcnow
from rsvp.domain import invariants
from rsvp.queries import events as event_queries
from tests.e2e.conftest import body_text, import_case, next_mail, qr_texts, wait_for
from tests.support.http_client import Connection, form_fields, form_token
from tests.support.live_site import Site, run_rsvp
from tests.support.smtp_server import MailServer

pytestmark = pytest.mark.browser


def fill(here: Site, slug: str, admission: str, people: int) -> list[str]:
    """Register that many others, quickly; their addresses."""
    connection = Connection(here.port)
    token = form_token(connection.get(f"/events/{slug}").body)
    addresses = []
    for _ in range(people):
        sent = form_fields(token, admission) | {"answers-group": "Routes"}
        addresses.append(sent["email"])
        assert connection.post(f"/events/{slug}/registrations", sent).status == 303
    return addresses


def open_form(here: Site, page: Page, slug: str) -> None:
    page.goto(f"{here.url}/events/{slug}")
    page.get_by_label("Your name").fill("Zoë Ωmega")


def test_the_thirty_chairs(here: Site, page: Page, mailbox: MailServer) -> None:
    import_case(here, "letters-and-soup")
    fill(here, "letters-and-soup", "in-person", 28)

    # Announced, found, registered with a guest.
    page.goto(here.url)
    page.get_by_role("link", name="Letters and Soup").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Letters and Soup")
    # Counts may be a second late while many register.
    wait_for(lambda: page.reload() and "2 of 30 left" in page.content())
    open_form(here, page, "letters-and-soup")
    page.get_by_label("Your email address").fill("zoe@example.org")
    bring_a_guest(page, "Ada Guest")
    page.get_by_role("button", name="Register").click()

    # The ticket.
    expect(page.get_by_role("heading", level=1)).to_have_text("You have 2 places")
    manage_link = page.url
    assert re.search(r"/r/[\w-]{22}$", manage_link)
    expect(page.locator(".ticket")).to_have_count(2)

    # The mail, and what its pictures say.
    mail = next_mail(mailbox, "zoe@example.org")
    assert "Letters and Soup" in mail["subject"]
    mailed_link = link_in(mail)
    codes = qr_texts(mail)
    assert len(codes) == 2
    assert all(tokens.read_code(code) for code in codes)
    for code in codes:
        expect(page.get_by_text(tokens.group_code(code))).to_be_visible()
        assert tokens.group_code(code) in body_text(mail)
    calendar = next(p for p in mail.walk() if p.get_content_type() == "text/calendar")
    assert b"BEGIN:VEVENT" in calendar.get_payload(decode=True)

    # Somebody waits; the party gives its places up; the next in line is offered one.
    [waiting] = fill(here, "letters-and-soup", "in-person", 1)
    assert "1st in line" in body_text(next_mail(mailbox, waiting))
    page.goto(mailed_link)
    page.get_by_text("Give up your 2 places", exact=True).click()
    page.get_by_role("button", name="Yes, give up our 2 places").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You gave up your place")
    # Whoever has the mail has the address: the page's own link has ended.
    assert page.request.get(manage_link).status == 410
    page.goto(link_in(next_mail(mailbox, waiting, 2)))
    expect(page.get_by_role("heading", level=1)).to_have_text("A place is free for you")
    page.get_by_role("button", name="Yes, I’m coming").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have a place")
    assert len(qr_texts(next_mail(mailbox, waiting, 3))) == 1
    assert next_mail(mailbox, "zoe@example.org", 2)["message-id"] != mail["message-id"]

    with create_app(here.settings).app_context():
        assert event_queries.find_event_state("letters-and-soup").seats_left(1) == 1
        assert invariants.find_problems(utcnow()) == []


def test_from_an_address_to_a_place_passed_on(
    here: Site, page: Page, mailbox: MailServer
) -> None:
    run_rsvp("event", "import", "-", environ=here.environ, stdin=CONFIRMED)
    heading = page.get_by_role("heading", level=1)

    # Nothing but a mail says what came of it.
    open_form(here, page, "porch-songs")
    page.get_by_label("Your email address").fill("zoe@example.org")
    page.get_by_role("button", name="Register").click()
    expect(heading).to_have_text("Look in your mail")
    page.goto(link_in(next_mail(mailbox, "zoe@example.org")))
    expect(heading).to_have_text("Is this your address?")
    page.get_by_role("button", name="Yes, this is my address").click()
    expect(heading).to_have_text("You have a place")
    assert len(qr_texts(next_mail(mailbox, "zoe@example.org", 2))) == 1

    # A name changed, a guest more, then all of it passed on.
    page.get_by_role("link", name="Change names and answers").click()
    page.get_by_label("Your name").fill("Zoë Bloom")
    page.get_by_role("button", name="Keep these").click()
    expect(page.locator(".ticket__name")).to_have_text("Zoë Bloom")
    page.get_by_role("link", name="Add a guest").click()
    page.get_by_label("Name").fill("Ida Guest")
    page.get_by_role("button", name="Add this guest").click()
    expect(heading).to_have_text("You have 2 places")
    old = page.url
    page.get_by_role("link", name="Pass your places on").click()
    page.get_by_label("Their name").fill("Ben Marsh")
    page.get_by_label("Their email address").fill("ben@example.org")
    page.get_by_role("button", name="Pass my places on").click()
    expect(heading).to_have_text("Look in the mail of the new address")
    theirs = next_mail(mailbox, "ben@example.org")
    assert len(qr_texts(theirs)) == 2
    assert page.request.get(old).status == 404

    # The new holder lost the mail, asks for it, and deletes everything.
    page.get_by_role("link", name="Lost your mail?").click()
    page.get_by_label("Your email address").fill("ben@example.org")
    page.get_by_role("button", name="Mail it again").click()
    expect(heading).to_have_text("Look in your mail")
    page.goto(link_in(next_mail(mailbox, "ben@example.org", 2)))
    expect(heading).to_have_text("You have 2 places")
    page.get_by_role("link", name="Delete this data").click()
    page.get_by_role("button", name="Give it up and delete all of it").click()
    expect(heading).to_have_text("The data is deleted")
    with create_app(here.settings).app_context():
        assert invariants.find_problems(utcnow()) == []


CONFIRMED = """
slug: porch-songs
title: Porch Songs
timezone: Europe/Amsterdam
starts: 2077-06-04 19:00
ends: 2077-06-04 21:00
venue: {name: The Lock House}
admissions: [{key: porch, name: Porch, mode: in_person, capacity: 12, waitlist: true}]
registration: {required: true, party_max: 3, confirm_address: true}
contact: songs@porch.example.org
"""


def link_in(mail: EmailMessage) -> str:
    """The link to one's own registration, as the mail has it."""
    found = re.search(r"http\S+/r/[\w-]{43}", body_text(mail))
    assert found
    return found[0]


def bring_a_guest(page: Page, name: str) -> None:
    if page.get_by_role("button", name="Add a guest").count():
        page.get_by_role("button", name="Add a guest").click()
    else:
        page.get_by_text("Tell us about your guests").click()
    page.get_by_role("group", name="Guest 1").get_by_role("textbox").first.fill(name)


def test_the_hall_and_the_webinar(here: Site, page: Page, mailbox: MailServer) -> None:
    import_case(here, "open-assembly")
    slug = "open-assembly-2027"

    # In the hall, with the question that only the hall is asked, forgotten at first.
    open_form(here, page, slug)
    page.get_by_label("Your email address").fill("hall@example.org")
    page.get_by_role("radio", name="In person").check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_label("Your name")).to_have_value("Zoë Ωmega")
    page.get_by_role("radio", name="Safety at stops").check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have a place")
    in_hall = next_mail(mailbox, "hall@example.org")
    assert len(qr_texts(in_hall)) == 1
    assert "meet.example.org" not in in_hall.as_string()
    assert "meet.example.org" not in page.content()

    # Online: no such question, and the link to join.
    open_form(here, page, slug)
    page.get_by_label("Your email address").fill("web@example.org")
    page.get_by_role("radio", name="Webinar").check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have a place")
    expect(page.get_by_role("link", name="Join online")).to_have_attribute(
        "href", "https://meet.example.org/open-assembly"
    )
    online = next_mail(mailbox, "web@example.org")
    assert "https://meet.example.org/open-assembly" in body_text(online)
    assert len(qr_texts(online)) == 1
