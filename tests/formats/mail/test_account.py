"""Account mails: what they say, on the wire as in both forms of the text."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from uuid import UUID

import pytest

from rsvp.formats.mail import account
from rsvp.formats.mail.render import RenderedMail
from rsvp.jobs.delivery import render
from rsvp.models import Message, User
from rsvp.models.message import MessageKind
from tests.support.mail.messages import NOW, PUBLIC_URL

LINK = f"{PUBLIC_URL}/organize/password/17.1795601234.J8-k"


@pytest.fixture(autouse=True)
def _texts(sqlite_app):
    with sqlite_app.app_context():
        yield


def to_ada() -> Message:
    return Message(
        uuid=UUID(int=77),
        kind=MessageKind.PASSWORD_RESET,
        recipient="ada@example.org",
        facts={},
        user=User(id=17, email="ada@example.org", fs_uniquifier="mark"),
    )


def written(message: Message, hours: int = 2) -> RenderedMail:
    return account.password_reset_mail(
        message, link=LINK, good_for=timedelta(hours=hours), public_url=PUBLIC_URL
    )


def test_it_says_whose_password_how_long_and_what_if_it_was_not_them():
    mail = written(to_ada())

    assert mail.subject == "A new password for RSVP"
    for said in (mail.text, mail.html.replace("&#39;", "'")):
        assert "ada@example.org" in said
        assert "rsvp.example.org" in said
        assert "within 2 hours" in said
        assert "Not you? Then you don’t need to do anything" in said
        assert LINK in said
    assert "within an hour" in written(to_ada(), hours=1).text


def test_the_link_is_in_no_subject_and_no_preview():
    mail = written(to_ada())

    assert "17956" not in mail.subject
    preview = mail.html.partition('class="preheader"')[2].partition("</div>")[0]
    assert "17956" not in preview
    assert mail.html.count(LINK) == 1


def test_what_an_address_has_in_it_stays_text():
    message = to_ada()
    message.recipient = '"<b>&"@example.org'

    assert "<b>" not in written(message).html
    assert '"<b>&"@example.org' in written(message).text


def test_on_the_wire_it_is_text_and_html_and_nothing_else():
    data = render.build_mail(to_ada(), NOW).as_bytes()
    mail = message_from_bytes(data, policy=policy.default)

    assert mail["To"] == "ada@example.org"
    assert mail["Message-ID"] == f"<{UUID(int=77)}@rsvp.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Reply-To" not in mail
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


def test_each_try_has_a_link_of_its_own_under_the_same_message_id():
    first = render.build_mail(to_ada(), NOW)
    later = render.build_mail(to_ada(), NOW + timedelta(hours=3))

    assert first.msgId == later.msgId
    assert first.body != later.body
