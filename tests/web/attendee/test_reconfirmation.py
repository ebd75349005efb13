"""Coming: the page that asks whether people still come, and what pressing does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from rsvp.db import utcnow
from tests.support.for_each import for_each
from tests.support.pages.attendee import action_paths, page_text, registration_named
from tests.support.pages.registration_form import (
    WEBINAR,
    YESTERDAY,
    all_rows,
    change_event,
    change_registration,
    mails_sent,
    make_upcoming_event,
    register_as,
    states_by_name,
)

pytestmark = pytest.mark.one_engine

HOUR = timedelta(hours=1)
COMING, GIVE_UP = "/coming", "/cancellation"
BEFORE = "Please answer by"
AFTER = "The time to answer is over"


def asked(client: FlaskClient, *admissions, party: int = 1, **values) -> str:
    """Ada has a place and was asked; the path of her registration."""
    event = make_upcoming_event(*admissions, ask_hours=48, answer_hours=24, **values)
    path = register_as(client, event, "ada", party=str(party))
    change_registration(
        "Ada",
        asked_at=utcnow() - HOUR,
        asked_about="coming",
        answer_by=utcnow() + 5 * HOUR,
    )
    return path


def test_the_page_asks_and_says_what_no_answer_means(client: FlaskClient):
    path = asked(client)
    before = all_rows()
    shown = page_text(client, path + COMING)

    assert "Are you still coming?" in shown
    assert BEFORE in shown
    assert "your place goes to the next in line" in shown
    assert "Yes, I’m coming" in shown
    assert action_paths(client, path + COMING) == set()
    page = client.get(path + COMING).text
    assert f'action="{path}{COMING}"' in page
    assert f'action="{path}{GIVE_UP}"' in page
    # A mail scanner that follows the link has answered nothing.
    assert all_rows() == before


def test_yes_keeps_the_place_and_says_thank_you(client: FlaskClient):
    path = asked(client)

    answer = client.post(path + COMING)
    assert (answer.status_code, answer.location) == (303, path + COMING)
    assert registration_named("Ada").answered_at is not None
    shown = page_text(client, path + COMING)
    assert "Thank you, we keep your place" in shown
    assert "Yes, I’m coming" not in shown
    # Pressed once more it stays as it is.
    before = all_rows()
    assert client.post(path + COMING).status_code == 303
    for table in ("registrations", "audit_entries", "messages"):
        assert all_rows()[table] == before[table]


def test_where_the_organizer_decides_it_says_so(client: FlaskClient):
    path = asked(client, no_answer="flag")

    shown = page_text(client, path + COMING)
    assert "the organizers may give your place on" in shown


@for_each(
    "values",
    [
        {"answer_by": utcnow() - HOUR},
        {"answer_by": utcnow() - HOUR, "flagged_at": utcnow()},
    ],
    ids=["not dealt with yet", "flagged"],
    fresh=True,
)
def test_after_the_deadline_a_yes_still_counts(client: FlaskClient, values):
    path = asked(client)
    change_registration("Ada", **values)

    assert AFTER in page_text(client, path + COMING)
    client.post(path + COMING)
    assert "Thank you" in page_text(client, path + COMING)
    assert registration_named("Ada").flagged_at is None


def test_a_change_is_asked_about_in_other_words(client: FlaskClient):
    path = asked(client)
    change_registration("Ada", asked_about="change", answer_by=None)

    shown = page_text(client, path + COMING)
    assert "Something has changed since you registered" in shown
    assert BEFORE not in shown


@for_each(
    ("party", "promise"), [(1, "you keep your place."), (3, "you keep your 3 places.")]
)
def test_no_answer_to_a_change_keeps_the_places(client: FlaskClient, party, promise):
    path = asked(client, {"capacity": 9}, party=party, party_max=3)
    change_registration("Ada", asked_about="change", answer_by=None)

    assert promise in page_text(client, path + COMING)


def test_the_page_says_where_it_is(client: FlaskClient):
    """They are asked to look at it once more where that has changed."""
    path = asked(client)
    change_event(
        venue_name="The Boat Shed", venue_address="Voorbeeldkade 14\nUtrecht\n"
    )
    assert "The Boat Shed, Voorbeeldkade 14, Utrecht" in page_text(
        client, path + COMING
    )

    change_event(venue_name=None, venue_address=None)
    assert "Boat Shed" not in page_text(client, path + COMING)


def test_who_joins_from_afar_reads_that_it_is_online(client: FlaskClient):
    path = asked(client, WEBINAR)
    change_event(venue_name="The Boat Shed")

    shown = page_text(client, path + COMING)
    assert "Online" in shown
    assert "Boat Shed" not in shown


def test_who_could_not_be_asked_by_mail_can_say_yes(client: FlaskClient):
    path = asked(client)
    change_registration(
        "Ada", asked_at=None, asked_about=None, answer_by=None, flagged_at=utcnow()
    )

    assert "The organizers would like to know." in page_text(client, path + COMING)
    client.post(path + COMING)
    assert registration_named("Ada").flagged_at is None


def test_the_ticket_has_a_note_with_the_button_while_an_answer_is_awaited(
    client: FlaskClient,
):
    path = asked(client)

    assert COMING in action_paths(client, path)
    assert "Are you still coming?" in page_text(client, path)
    client.post(path + COMING)
    assert COMING not in action_paths(client, path)
    assert "Are you still coming?" not in page_text(client, path)


def test_a_party_reads_of_its_places(client: FlaskClient):
    path = asked(client, party=2)
    assert "Give up your 2 places" in page_text(client, path + COMING)
    client.post(path + COMING)

    assert "Please give the places up" in page_text(client, path + COMING)


def test_a_party_is_led_to_giving_up_single_places(client: FlaskClient):
    path = asked(client, party=2)

    page = client.get(path + COMING).text
    assert "Yes, we’re coming" in page
    assert f'href="{path}#guests"' in page
    assert 'id="guests"' in client.get(path).text


def test_online_nobody_is_sent_to_a_ticket(client: FlaskClient):
    path = asked(client, {**WEBINAR, "capacity": 5})
    client.post(path + COMING)

    assert "Open your registration" in page_text(client, path + COMING)


def test_who_was_not_asked_reads_that_the_place_is_theirs(client: FlaskClient):
    path = register_as(client, make_upcoming_event(), "ada")

    assert "You have a place" in page_text(client, path + COMING)
    assert client.post(path + COMING).status_code == 303
    assert registration_named("Ada").answered_at is None


def test_given_on_the_page_says_how_to_come_after_all(client: FlaskClient):
    path = asked(client)
    change_registration("Ada", state="released", state_since=utcnow())

    for answer in (client.get(path + COMING), client.post(path + COMING)):
        assert (answer.status_code, answer.location) == (303, path)
    shown = page_text(client, path)
    assert "Your place was given on" in shown
    assert "We asked whether you still come and had no answer in time" in shown
    assert "Register again" in shown


def test_given_up_the_page_says_so(client: FlaskClient):
    path = asked(client)
    client.post(path + GIVE_UP)

    assert states_by_name() == {"Ada": "cancelled"}
    for answer in (client.get(path + COMING), client.post(path + COMING)):
        assert (answer.status_code, answer.location) == (303, path)
    assert mails_sent()[-1] == ("cancelled", "ada@example.org")


@for_each(
    "values",
    [{"status": "cancelled"}, {"ends_at": YESTERDAY, "starts_at": YESTERDAY}],
    fresh=True,
)
def test_of_an_event_that_is_off_or_over_nothing_is_asked(client, values):
    path = asked(client)
    values = {
        name: at if name == "status" else at.replace(tzinfo=utcnow().tzinfo)
        for name, at in values.items()
    }
    if "ends_at" in values:
        values["starts_at"] -= HOUR
    change_event(**values)

    assert client.get(path + COMING).location == path
    assert "Are you still coming?" not in page_text(client, path)
    assert client.post(path + COMING).status_code == 409
    assert registration_named("Ada").answered_at is None


def test_a_link_that_leads_nowhere_is_a_404(client: FlaskClient, app):
    for path in ("/r/x/coming", "/r/xxxxxxxxxxxxxxxxxxxxxQ/coming"):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404
