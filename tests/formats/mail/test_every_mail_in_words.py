"""Every mail in its words: what holds for each row of the table."""

from __future__ import annotations

import html
import re

import pytest
from icalendar import Calendar

from rsvp import tokens
from rsvp.formats.mail.render import RenderedMail
from rsvp.models.message import OPTIONAL_KINDS
from tests.support.for_each import for_each
from tests.support.mail.cases import EVERY_MAIL
from tests.support.mail.composed import compose_case
from tests.support.mail.mail_case import MailCase
from tests.support.mail.messages import KEY, PUBLIC_URL, SECRET_JOIN_URL
from tests.support.mail.parsed import (
    MAIL_KINDS,
    HtmlMail,
    secrets_of,
    unwrapped_text,
)
from tests.support.matching import has_word

pytestmark = pytest.mark.usefixtures("writes_mails")

EACH = for_each("row", EVERY_MAIL, ids=lambda row: row.id)
ONLINE_OR_NOT = for_each("is_online", [False, True], ids=["in person", "online"])


def sent(row: MailCase, **more: bool) -> RenderedMail:
    return compose_case(row, **more).mail


def test_every_kind_has_a_row():
    assert {row.kind for row in EVERY_MAIL} == set(MAIL_KINDS)


@EACH
def test_the_subject_and_the_first_sentence_say_how_it_stands(row):
    mail = sent(row)

    assert (mail.subject, mail.text.partition("\n")[0]) == (row.subject, row.first)
    assert row.says in unwrapped_text(mail)
    assert row.says in html.unescape(HtmlMail(mail.html).text)


@EACH
def test_online_it_is_said_in_the_words_for_it(row):
    mail = sent(row, is_online=True)

    first = row.online_first or row.first
    assert (mail.subject, mail.text.partition("\n")[0]) == (
        row.online or row.subject,
        first,
    )
    assert "at the door," not in unwrapped_text(mail)


@EACH
@ONLINE_OR_NOT
def test_a_discreet_event_is_named_in_no_subject_preview_or_calendar(row, is_online):
    mail = sent(row, is_online=is_online, discreet=True)
    confirms = row.kind == "confirm_address"

    expected = "Please confirm your registration" if confirms else "Your registration"
    assert mail.subject == expected
    assert "Letters" not in mail.text.partition("\n")[0]
    assert "Letters" not in mail.html.partition("<h1")[0]
    assert "Webinar" not in mail.text.partition("\n")[0]
    assert "Letters" not in (mail.calendar or b"").decode()


@EACH
@ONLINE_OR_NOT
def test_a_calendar_entry_comes_where_a_place_is_sure_or_was(row, is_online):
    mail = sent(row, is_online=is_online)

    if row.calendar is None:
        assert mail.calendar is None
        return
    calendar = Calendar.from_ical(mail.calendar)
    assert (mail.method, calendar["method"]) == (row.calendar, row.calendar)
    status = {"PUBLISH": "CONFIRMED", "CANCEL": "CANCELLED"}[row.calendar]
    assert calendar.events[0]["status"] == status


@EACH
def test_a_code_comes_where_a_place_is_sure(row):
    mail = sent(row)

    seats = row.message().registration.seats
    assert len(mail.images) == (seats if row.is_seated else 0)
    assert ("Code:" in mail.text) == row.is_seated
    assert ("● Confirmed" in mail.text) == row.is_seated


@EACH
@ONLINE_OR_NOT
def test_one_button_leads_to_the_page(row, is_online):
    """Its label is what it is for; there is none where nothing can be done, and two
    where a question has two answers."""
    mail = sent(row, is_online=is_online)
    buttons = re.findall(
        r'<a class="button[ a-z-]*"[^>]*href="([^"]*)"[^>]*>([^<]*)', mail.html
    )

    if row.second:
        coming = f"{own_page(row)}/coming"
        expected = [(coming, row.button), (f"{coming}#give-up", row.second)]
        assert [(link, html.unescape(label)) for link, label in buttons] == expected
        assert all(f"{label}:\n{link}\n" in mail.text for link, label in expected)
    elif row.is_seated and is_online:
        assert buttons == [(SECRET_JOIN_URL, "Join online")]
    elif row.button:
        [(link, label)] = buttons
        assert label == row.button
        assert link == own_page(row)
        assert link in mail.text
    else:
        assert buttons == []


def own_page(row: MailCase) -> str:
    registration = row.message().registration
    return f"{PUBLIC_URL}/r/{tokens.mailed_token(KEY, registration.uuid, 0)}"


@EACH
def test_no_link_leads_elsewhere_or_changes_anything(row):
    page = HtmlMail(sent(row).html)

    own = own_page(row)
    tickets = f"{PUBLIC_URL}/t/"
    allowed = {own, f"{own}/erasure", f"{PUBLIC_URL}/events/letters-and-soup"}
    if row.second:
        allowed |= {f"{own}/coming", f"{own}/coming#give-up"}
    if row.kind in OPTIONAL_KINDS:
        registration = row.message().registration
        token = tokens.mute_token(KEY, registration.uuid, registration.link_version)
        allowed.add(f"{PUBLIC_URL}/u/{token}")
    assert {link for link in page.links if not link.startswith(tickets)} <= allowed


@EACH
@ONLINE_OR_NOT
@for_each("discreet", [False, True], ids=["named", "discreet"])
def test_whoever_it_is_not_for_can_have_the_data_deleted(row, is_online, discreet):
    """Whose place was passed on holds no secret of the registration any more."""
    composed = compose_case(row, is_online=is_online, discreet=discreet)
    mail, shown = composed.mail, composed.shown

    if row.kind == "passed_on":
        secrets = secrets_of(composed.message.registration)
        assert not [secret for secret in secrets if secret in shown]
        assert (
            "/r/" not in shown and "/t/" not in shown and SECRET_JOIN_URL not in shown
        )
        assert not has_word(shown, "Ada")
    else:
        assert f"{own_page(row)}/erasure" in HtmlMail(mail.html).links
        assert f"{own_page(row)}/erasure" in mail.text


@EACH
@ONLINE_OR_NOT
def test_the_link_to_join_is_in_mails_about_a_sure_place_only(row, is_online):
    shown = compose_case(row, is_online=is_online).shown

    assert (SECRET_JOIN_URL in shown) == (is_online and row.is_seated)


@EACH
@ONLINE_OR_NOT
def test_no_mail_echoes_an_answer(row, is_online):
    composed = compose_case(row, is_online=is_online)
    registration = composed.message.registration

    assert registration.answers and registration.attendees[0].answers
    assert "anchovies" not in composed.shown and "with arms" not in composed.shown


@EACH
@ONLINE_OR_NOT
def test_organizers_see_each_mail_without_its_secrets(row, is_online):
    composed = compose_case(row, is_online=is_online, masked=True)

    secrets = secrets_of(composed.message.registration)
    assert not [secret for secret in secrets if secret in composed.shown]
    assert composed.mail.subject == sent(row, is_online=is_online).subject
