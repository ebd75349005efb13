"""Mail texts: what each kind of mail says, to whom, and what can be done about it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from rsvp import tokens
from rsvp.models.event import Promotion
from rsvp.models.registration import AttendeeState, State
from tests.support.for_each import for_each
from tests.support.mail.messages import (
    HALL,
    KEY,
    NOW,
    PUBLIC_URL,
    SECRET_JOIN_URL,
    WEBINAR,
    build_event,
    build_message,
    build_registration,
)
from tests.support.mail.parsed import (
    HtmlMail,
    compose,
    plain_text_of,
    secrets_of,
    unwrapped_text,
)

pytestmark = pytest.mark.usefixtures("writes_mails")

HELD = {"was": "held"}
TO_STRANGERS = [
    ("confirm_address", State.HELD, {}, "Please confirm by Friday 22 January, 10:00."),
    ("changed", State.HELD, {"what": "details"}, "Your registration has changed."),
    (
        "lapsed",
        State.LAPSED,
        {"was": "held"},
        "Your address was not confirmed in time.",
    ),
    ("cancelled", State.CANCELLED, {"was": "held"}, "Your registration is cancelled."),
    ("event_cancelled", State.HELD, {}, "The event is cancelled."),
]


@for_each(("kind", "state", "facts", "first"), TO_STRANGERS)
def test_a_discreet_event_is_not_named_to_an_address_that_nobody_confirmed(
    kind, state, facts, first
):
    event = build_event(discreet=True)
    registration = build_registration(event, state=state, ended_by="attendee")
    mail = compose(build_message(kind, registration, **facts))

    assert mail.text.partition("\n")[0] == first
    assert (mail.reply_to, mail.calendar, mail.images) == (None, None, {})
    for shown in (mail.subject, mail.text, HtmlMail(mail.html).text, mail.html):
        for secret in ("Letters", "letters", "Boat Shed", "Reading Room", "Ada Love"):
            assert secret not in shown
        assert "18:00" not in shown


@for_each(
    ("promotion", "says"),
    [
        (Promotion.OFFER, "keep it for you until you answer"),
        (Promotion.CONFIRM, "it is yours and we mail you the ticket"),
    ],
)
def test_those_in_line_read_what_a_free_place_will_mean(promotion, says):
    registration = build_registration(
        build_event(promotion=promotion), state=State.WAITLISTED
    )

    assert says in unwrapped_text(compose(build_message("waitlisted", registration)))


def test_a_party_with_whom_fewer_is_fine_reads_that_a_part_may_be_offered():
    registration = build_registration(
        build_event(), "Ada", "Grace", state=State.WAITLISTED, fewer_ok=True
    )

    text = unwrapped_text(compose(build_message("waitlisted", registration)))
    assert "we may offer you a part of them" in text


ASKS = {"ask_hours": 48, "answer_hours": 24, "no_answer": "release"}


@for_each(("kind", "what"), [("confirmation", None), ("promoted", "promote")])
@for_each(
    ("values", "says"),
    [
        (
            ASKS,
            "2 days before it begins we ask you by mail whether you still come. If we "
            "don’t hear from you, your place goes to the next in line.",
        ),
        (
            ASKS | {"ask_hours": 36, "no_answer": "flag"},
            "36 hours before it begins we ask you by mail whether you still come. If "
            "we don’t hear from you, the organizers may give your place on.",
        ),
        (ASKS | {"ask_hours": 24, "answer_hours": 1}, "A day before it begins"),
    ],
)
def test_where_people_will_be_asked_a_place_comes_with_what_that_means(
    kind, what, values, says
):
    registration = build_registration(build_event(**values))

    assert says in unwrapped_text(compose(build_message(kind, registration, what=what)))


@for_each(
    ("values", "own"),
    [
        ({}, {}),
        (ASKS, {"muted_at": NOW}),
        # Within a day of the question: taking the place was a yes.
        (ASKS, {"state_since": datetime(2027, 1, 27, 10, 0, tzinfo=UTC)}),
    ],
)
def test_who_will_not_be_asked_reads_nothing_of_it(values, own):
    registration = build_registration(build_event(**values), **own)

    assert "still come" not in unwrapped_text(
        compose(build_message("confirmation", registration))
    )


def test_once_people_were_asked_no_mail_says_that_they_will_be():
    message = build_message("confirmation", build_registration(build_event(**ASKS)))
    message.created_at = datetime(2027, 1, 27, 18, 0, tzinfo=UTC)

    assert "still come" not in unwrapped_text(compose(message))


def test_where_places_are_without_limit_nobody_is_told_of_a_question():
    registration = build_registration(
        build_event({**WEBINAR, "capacity": None}, **ASKS)
    )

    assert "still come" not in unwrapped_text(
        compose(build_message("confirmation", registration))
    )


def test_who_did_not_answer_reads_how_to_register_again():
    registration = build_registration(build_event(), state=State.RELEASED)
    mail = compose(build_message("released", registration, what="no_answer"))

    assert "Register again" in mail.text


def test_what_ended_before_its_mail_was_written_is_told_as_it_is():
    for state, first in (
        (State.RELEASED, "Your place was given to somebody else."),
        (State.DECLINED, "The organizers can’t give you a place."),
        (State.LAPSED, "The offer has ended without an answer."),
    ):
        registration = build_registration(
            build_event(), state=state, ended_from=State.OFFERED
        )
        mail = compose(build_message("ticket_again", registration))
        assert mail.text.startswith(first)


def test_a_deadline_is_told_in_the_events_zone():
    until = datetime(2027, 1, 28, 4, 0, tzinfo=UTC)
    event = build_event(timezone="America/New_York")
    registration = build_registration(event, state=State.OFFERED)
    mail = compose(build_message("offer", registration, until=until.isoformat()))

    assert mail.text.startswith(
        "A place is kept for you until Wednesday 27 January, 23:00."
    )


# --- what each kind says ------------------------------------------------------------


def test_a_confirmation_says_what_when_where_and_how_to_get_in():
    mail = compose(build_message("confirmation", build_registration(build_event())))

    assert mail.subject == "Your ticket for Letters and Soup"
    for text in (mail.text, HtmlMail(mail.html).text):
        assert "Your place is confirmed." in text
        assert "Friday, 29 January 2027" in text
        assert "18:00 to 21:30, Amsterdam time" in text
        assert "The Boat Shed" in text
        assert "Step-free entrance" in text
    secret = tokens.mailed_token(KEY, build_registration(build_event()).uuid, 0)
    assert f"{PUBLIC_URL}/r/{secret}" in mail.text
    assert f"{PUBLIC_URL}/r/{secret}" in HtmlMail(mail.html).links


def test_a_party_gets_a_ticket_each_and_links_to_pass_on_for_the_guests():
    registration = build_registration(build_event(), "Ada", "Grace", None)
    mail = compose(build_message("confirmation", registration))
    own, *guests = (tokens.ticket_token(KEY, a.uuid, 0) for a in registration.attendees)

    assert mail.subject == "Your 3 tickets for Letters and Soup"
    assert "Guest 2" in mail.text
    for body in (mail.text, mail.html):
        assert own not in body  # whoever registered has the manage link
        assert all(f"{PUBLIC_URL}/t/{guest}" in body for guest in guests)


def test_other_zones_are_told_with_their_day():
    event = build_event(
        WEBINAR,
        timezone="America/New_York",
        starts=datetime(2027, 2, 4, 20, 0),
        also_show=["America/Chicago", "Europe/London"],
    )
    text = plain_text_of("confirmation", build_registration(event))

    assert "Thursday, 4 February 2027, 20:00 to 23:30, New York time" in text
    assert "19:00 Chicago time" in text
    assert "Friday, 5 February 2027, 01:00 London time" in text


def test_an_event_over_midnight_names_the_day_it_ends():
    event = build_event(starts=datetime(2027, 1, 29, 22, 0))
    text = plain_text_of("confirmation", build_registration(event))
    assert "22:00 to Saturday, 30 January 2027, 01:30, Amsterdam time" in text


@for_each(
    ("place", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")],
)
def test_the_waitlist_mail_tells_the_place_in_line(place, said):
    registration = build_registration(build_event(), state=State.WAITLISTED)
    mail = compose(build_message("waitlisted", registration, place=place))

    assert mail.subject == "You’re on the waitlist for Letters and Soup"
    assert mail.text.startswith(f"You’re on the waitlist, {said} in line.")
    assert mail.images == {}
    assert mail.calendar is None
    assert "Code:" not in mail.text


def test_a_guests_place_given_up_is_told_by_name_with_the_tickets_left():
    registration = build_registration(build_event(), "Ada", "Grace", "Noor")
    registration.attendees[1].state = AttendeeState.CANCELLED
    registration.seats = 2
    mail = compose(
        build_message("changed", registration, what="guest_cancelled", who="Grace")
    )

    assert mail.text.startswith("Grace is no longer coming.")
    assert len(mail.images) == 2
    assert "Noor" in mail.text
    assert mail.text.count("Grace") == 1


def test_a_cancelled_registration_leaves_the_calendar():
    registration = build_registration(
        build_event(), state=State.CANCELLED, ended_by="attendee"
    )
    mail = compose(build_message("cancelled", registration))

    assert mail.text.startswith("Your registration is cancelled.")
    assert mail.images == {}
    calendar = Calendar.from_ical(mail.calendar)
    assert (calendar["method"], mail.method) == ("CANCEL", "CANCEL")
    assert calendar.events[0]["status"] == "CANCELLED"
    assert f"{PUBLIC_URL}/events/letters-and-soup" in mail.text
    manage, *others = secrets_of(registration)
    assert not [s for s in others if s in mail.text + mail.html]
    assert mail.text.count(manage) == 1  # to have the data deleted


def test_the_calendar_entry_keeps_its_uid_from_confirmation_to_cancellation():
    event = build_event()
    confirmed = compose(build_message("confirmation", build_registration(event)))
    off = build_registration(event, state=State.CANCELLED)
    cancelled = compose(build_message("cancelled", off))
    entries = [Calendar.from_ical(m.calendar).events[0] for m in (confirmed, cancelled)]

    assert entries[0]["uid"] == entries[1]["uid"]
    assert entries[0]["sequence"] < entries[1]["sequence"]


def test_a_message_tells_of_those_it_was_written_for():
    registration = build_registration(build_event(), "Ada", "Grace")
    message = build_message("confirmation", registration)
    registration.attendees[1].state = AttendeeState.CANCELLED

    assert len(compose(message).images) == 2


def test_a_change_shows_what_was_and_what_is_now():
    before = {
        "starts": "2027-01-28T17:00:00+00:00",
        "ends": "2027-01-28T20:00:00+00:00",
        "timezone": "Europe/London",
        "place": ["The Library", "Markt 1"],
        "mode": "in_person",
    }
    registration = build_registration(build_event(HALL, WEBINAR), admission=1)
    facts = {"what": ["time", "mode"], "before": before, "asks": False}
    mail = compose(build_message("event_changed", registration, **facts))

    was = "Thursday, 28 January 2027, 17:00 to 20:00, London time"
    assert f"Amsterdam time\n      (was: {was})\n" in mail.text
    assert "Where: Online\n      (was: The Library, Markt 1)\n" in mail.text
    text = HtmlMail(mail.html).text
    assert f"When was {was} Friday, 29 January 2027, 18:00 to 21:30" in text
    assert "Where was The Library, Markt 1 Online" in text


def test_who_is_asked_about_a_change_online_finds_the_link_as_well():
    registration = build_registration(build_event(HALL, WEBINAR), admission=1)
    facts = {"what": ["mode"], "asks": True}
    mail = compose(build_message("event_changed", registration, **facts))

    assert [link for link in HtmlMail(mail.html).links if link == SECRET_JOIN_URL] == [
        SECRET_JOIN_URL
    ]
    assert f"Join online:\n{SECRET_JOIN_URL}\n" in mail.text
