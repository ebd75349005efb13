"""The seven event files of the acceptance data, each from its page to the ticket.

A page is looked at with the dates of the file. To be registered for, an event is moved
by whole weeks until it begins two to three weeks from now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from lxml import html
from lxml.html import FormElement, HtmlElement
from sqlalchemy import select
from werkzeug.test import TestResponse

from rsvp.db import utcnow, write, writing
from rsvp.domain import invariants
from rsvp.domain.events import publish
from rsvp.domain.registrations import approval
from rsvp.event_definition import EventDefinition
from rsvp.extensions import db
from rsvp.formats import location
from rsvp.formats.eventfile import parse
from rsvp.formats.eventfile.parse import EventFileError
from rsvp.formats.mail import render as mail_render
from rsvp.jobs.delivery import render
from rsvp.models import Event, Message, Registration
from rsvp.models.event import Allocation, Mode, Visibility
from tests.paths import EVENT_FILES
from tests.support.for_each import for_each
from tests.support.pages.registration_form import printed_codes

FILES = sorted(EVENT_FILES.glob("*.yaml"))
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

TYPED = {
    "answers-diet": "No celery",
    "answers-group": "Fares",
    "answers-access": "A seat near the door",
    "answers-ask": "Which radiators stay?",
    "answers-why": "My grandmother's recipes",
}
ANSWERS = TYPED | {"answers-tried": "no"}


def as_written(file: Path) -> EventDefinition:
    return parse.parse_event(file.read_text(), file.name)


def brought_near(file: Path) -> EventDefinition:
    """The event of a file, begun in two or three weeks, on the same day of the week.

    Another week later where a clock that jumps just then would skip one of its times.
    """
    text, starts = file.read_text(), as_written(file).starts.date()
    wanted = utcnow().date() + timedelta(days=14)
    weeks = -((starts - wanted).days // 7)
    for later in range(4):
        by = timedelta(weeks=weeks + later)
        try:
            return parse.parse_event(moved(text, by), file.name)
        except EventFileError as refused:
            assert "does not exist" in refused.reason
    raise AssertionError("the clocks do not jump every week")


def moved(text: str, by: timedelta) -> str:
    return DATE.sub(lambda found: f"{date.fromisoformat(found[0]) + by}", text)


def published(file: EventDefinition) -> Event:
    with writing():
        done = publish.publish_definition(file, actor="command", now=utcnow())
    return db.session.get_one(Event, done.event_id)


# --- as a browser does --------------------------------------------------------------


def seen(response: TestResponse) -> HtmlElement:
    assert response.status_code == 200, response.text
    page = html.fromstring(response.text)
    page.make_links_absolute("https://rsvp.example.org")
    return page


def text_of(page: HtmlElement) -> str:
    for hidden in page.xpath("//script | //style"):
        hidden.drop_tree()
    return " ".join(page.text_content().split())


def form_of(page: HtmlElement, towards: str) -> FormElement:
    """The form that is sent to an address with this ending."""
    [form] = [form for form in page.forms if form.action.endswith(towards)]
    assert form.method == "POST"
    return form


def press(
    client: FlaskClient, form: FormElement, typed: Mapping[str, str] | None = None
) -> TestResponse:
    """Fill the form in where it has such fields, and send all that a browser would."""
    names = set(form.fields.keys())
    for name, value in (typed or {}).items():
        if name in names:
            form.fields[name] = value
    return client.post(urlsplit(form.action).path, data=dict(form.form_values()))


def register(
    client: FlaskClient, event: Event, admission: str, typed: Mapping[str, str]
) -> TestResponse:
    page = seen(client.get(f"/events/{event.slug}"))
    form = form_of(page, f"/events/{event.slug}/registrations")
    several = len(event.admissions) > 1
    return press(client, form, typed | {"admission": admission} if several else typed)


def newest_mail() -> mail_render.RenderedMail:
    db.session.rollback()
    message = db.session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert message is not None
    return render.render_mail(message, utcnow())


def link_in(mail: mail_render.RenderedMail) -> str:
    """Where the mail's link to the registration leads."""
    found = re.search(r"https://rsvp\.example\.org(/r/[\w-]+)\n", mail.text)
    assert found is not None, mail.text
    return found[1]


# --- the pages ----------------------------------------------------------------------


@for_each("file", FILES, ids=lambda file: file.stem, fresh=True)
def test_the_public_page_shows_what_the_file_says(client: FlaskClient, file: Path):
    said = as_written(file)
    event = published(said)

    page = text_of(seen(client.get(f"/events/{event.slug}")))

    for text in all_texts(said):
        assert text in page, text
    assert f"{said.starts:%H:%M}" in page
    assert re.search(rf"\b{said.starts.day} {said.starts:%B}", page)
    for secret in (said.online.join_url if said.online else None,):
        assert secret is None or secret not in page
    listed = said.visibility == Visibility.PUBLIC
    assert (said.title in client.get("/").text.replace("&amp;", "&")) == listed


def all_texts(said: EventDefinition) -> list[str]:
    """What people can read in a file, apart from its description."""
    texts = [said.title, said.summary]
    texts += [one.name for one in (*said.hosts, *said.sponsors, *said.people)]
    texts += [text for item in said.agenda for text in (item.at, item.title, item.note)]
    if said.venue:
        texts += [said.venue.name, *(said.venue.address or "").splitlines()]
        texts.append(said.venue.access)
    if said.online:
        texts.append(said.online.note)
    if said.series:
        texts.append(said.series.title)
    return [" ".join(text.split()) for text in texts if text]


@for_each("file", FILES, ids=lambda file: file.stem, fresh=True)
def test_the_form_asks_what_the_file_says(client: FlaskClient, file: Path):
    said = brought_near(file)
    event = published(said)

    page = text_of(seen(client.get(f"/events/{event.slug}")))

    several = [one.name for one in said.admissions] if len(said.admissions) > 1 else []
    asked = [question.ask for question in said.questions]
    for text in (*several, *asked, *(consent.text for consent in said.consents)):
        assert text in page, text


# --- from the form to the ticket ----------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """Who registers for which admission, and what the form is answered first."""

    file: str
    admission: str
    kind: str = "confirmation"
    party: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.file}-{self.admission}"


TWO = {"party": "2", "guests-0-name": "Ben Okafor", "guests-0-answers-diet": "Nuts"}
VISITS = [
    Visit("letters-and-soup", "in-person", party=TWO),
    Visit("library-evening", "seat"),
    Visit("lunch-call", "online"),
    Visit("night-walk", "walk", "confirm_address"),
    Visit("night-walk", "tea", "confirm_address"),
    Visit("open-assembly", "hall"),
    Visit("open-assembly", "webinar"),
    Visit("seminar-heat-pumps", "webinar"),
    Visit("workshop-two-partners", "bench", "requested"),
]


def test_every_file_is_visited_by_each_way_to_attend():
    ways = {
        (file.stem, way.key) for file in FILES for way in as_written(file).admissions
    }
    assert {(visit.file, visit.admission) for visit in VISITS} == ways


@for_each("visit", VISITS, ids=lambda visit: visit.id, fresh=True)
def test_whoever_registers_gets_a_ticket_with_a_code_or_the_link(
    client: FlaskClient, visit: Visit
):
    said = brought_near(EVENT_FILES / f"{visit.file}.yaml")
    event = published(said)
    typed = {"name": "Ada Brandt", "email": "ada@example.org"} | ANSWERS | visit.party

    answer = register(client, event, visit.admission, typed)

    first = newest_mail()
    assert message_kinds()[0] == visit.kind
    seats = int(visit.party.get("party", "1"))
    if said.discreet or said.registration.confirm_address:
        # The page tells nothing that the mail does not tell its owner.
        assert answer.status_code == 200
        assert "/r/" not in answer.text
    else:
        assert answer.status_code == 303
        # The page has a link of its own: the mail's proves the address.
        assert urlsplit(answer.location).path != link_in(first)
        seen(client.get(answer.location))
    SETTLED[visit.kind](client, first)

    own = link_in(newest_mail())
    shows_the_ticket(client, event, own, seats)
    the_mail_brings_it(event, newest_mail(), seats)
    assert the_only_one().state == "confirmed"
    assert invariants.find_problems(utcnow()) == []


def message_kinds() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Message.kind).order_by(Message.id)))


def the_only_one() -> Registration:
    db.session.rollback()
    return db.session.scalars(select(Registration)).one()


def is_settled(client: FlaskClient, first: mail_render.RenderedMail) -> None:
    """The first mail is the ticket already."""
    assert "confirmed" in first.text or "registered" in first.text


def confirms_the_address(client: FlaskClient, first: mail_render.RenderedMail) -> None:
    """Looking at the link changes nothing; pressing the button on its page does."""
    link = link_in(first)
    page = seen(client.get(link))
    assert the_only_one().state == "held"
    done = press(client, form_of(page, "/confirmation"))
    assert done.status_code == 303
    assert message_kinds() == ["confirm_address", "confirmation"]


def is_approved(client: FlaskClient, first: mail_render.RenderedMail) -> None:
    assert "asked for a place" in client.get(link_in(first)).text
    asked, now = the_only_one().id, utcnow()
    write(approval.approve, asked, why="Bring an apron.", actor="user:1", now=now)
    assert "They wrote: “Bring an apron.”" in newest_mail().text
    assert message_kinds() == ["requested", "confirmation"]


SETTLED: dict[str, Callable[[FlaskClient, mail_render.RenderedMail], None]] = {
    "confirmation": is_settled,
    "confirm_address": confirms_the_address,
    "requested": is_approved,
}


def shows_the_ticket(client: FlaskClient, event: Event, own: str, seats: int) -> None:
    page = client.get(own)
    registration = the_only_one()
    if registration.admission.mode == Mode.ONLINE:
        assert event.join_url in page.text
    else:
        assert len(set(printed_codes(page))) == seats
        assert "meet.example.org" not in page.text


def the_mail_brings_it(
    event: Event, mail: mail_render.RenderedMail, seats: int
) -> None:
    registration = the_only_one()
    is_online = registration.admission.mode == Mode.ONLINE
    assert len(mail.images) == seats
    assert (location.join_link(registration) is not None) == is_online
    assert ("meet.example.org" in mail.text) == is_online
    assert mail.method == "PUBLISH"
    assert mail.calendar is not None
    assert (event.title in mail.subject) == (not event.discreet)
    assert mail.reply_to == event.contact
    for answer in TYPED.values():
        assert answer not in mail.text + mail.html


# --- what two of them are about -----------------------------------------------------


def test_places_that_are_reserved_are_nobody_elses(client: FlaskClient):
    """Twenty in the room, two of them kept, sixteen of them on the walk."""
    event = published(brought_near(EVENT_FILES / "night-walk.yaml"))
    typed = {"name": "Ada Brandt", "party": "3"}
    kept = event.room_taken

    for number in range(7):
        typed["email"] = f"walk-{number}@example.org"
        register(client, event, ("walk", "tea")[number % 2], typed)

    db.session.rollback()
    event = db.session.get_one(Event, event.id)
    assert (kept, event.room_capacity) == (2, 20)
    assert event.room_taken == 20
    assert invariants.find_problems(utcnow()) == []
    states = set(db.session.scalars(select(Registration.state)))
    assert states == {"held", "waitlisted"}


def test_a_request_that_finds_the_bench_full_goes_to_the_line(client: FlaskClient):
    said = brought_near(EVENT_FILES / "workshop-two-partners.yaml")
    assert said.registration.allocation == Allocation.APPROVAL
    event = published(said)
    for number in range(13):
        person = {"name": "Ada Brandt", "email": f"ada-{number}@example.org"}
        register(client, event, "bench", person | ANSWERS)

    for asked in db.session.scalars(select(Registration.id)).all():
        write(approval.approve, asked, actor="user:1", now=utcnow())

    db.session.rollback()
    states = list(db.session.scalars(select(Registration.state)))
    assert (states.count("confirmed"), states.count("waitlisted")) == (12, 1)
    assert newest_mail().text.startswith("You’re on the waitlist, 1st in line.")
    assert "all places are taken" in newest_mail().text
