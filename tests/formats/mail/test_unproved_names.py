"""Names in mails to addresses that nobody has proved: they may be a stranger's."""

from __future__ import annotations

import re

import pytest

from rsvp.formats.mail import unproved_names
from rsvp.formats.mail.render import RenderedMail, compose
from rsvp.models.message import ATTENDEE_KINDS, MessageKind
from tests.support.for_each import for_each
from tests.support.mail.messages import (
    KEY,
    PUBLIC_URL,
    build_event,
    build_message,
    build_registration,
)

pytestmark = pytest.mark.usefixtures("writes_mails")

PLAIN = (
    "Ada Lovelace",
    "Zoë",
    "Åse-Marit O’Brien",
    "d'Arcy",
    "李小龍",
    "محمد علی",
    "نرگس‌سادات",
    "අකිල",
    "Nguyễn Thị Minh Khai",
    "A",
    "x" * 40,
)
NOT_PLAIN = (
    "Dr. Dev",
    "t.me/win",
    "casino.vip",
    "Win 500",
    "€€€",
    "Call +31 20 555 0100",
    "Ada & Bo",
    "Ada, come",
    "hello!",
    "Ada_Bell",
    "x" * 41,
    "-",
    "’",
    "⠀",
    "١٢٣",
    "",
)


@for_each("is_plain", [True, False])
def test_a_plain_name_has_letters_and_what_joins_them(is_plain):
    table = PLAIN if is_plain else NOT_PLAIN

    assert [
        name for name in table if unproved_names.is_plain_name(name) is not is_plain
    ] == []


def text_of(mail: RenderedMail) -> str:
    return (
        f"{mail.subject}\n{mail.text}\n{mail.html}\n{(mail.calendar or b'').decode()}"
    )


STATES = {
    MessageKind.CONFIRM_ADDRESS: "held",
    MessageKind.REQUESTED: "requested",
    MessageKind.WAITLISTED: "waitlisted",
    MessageKind.OFFER: "offered",
    MessageKind.CANCELLED: "cancelled",
    MessageKind.DECLINED: "declined",
    MessageKind.LAPSED: "lapsed",
    MessageKind.RELEASED: "released",
}
EVIL = ("Win 500 at casino.vip", "Prize+Line 0900", "Call 555")
WORDING = {
    "subject": "{name}, about {event}",
    "headline": "Hello {name}",
    "text": "Dear {name}, there is news.",
}


def written(kind: MessageKind, *party: str, **values: object) -> RenderedMail:
    event = build_event(wording={kind: WORDING})
    state = STATES.get(kind, "confirmed")
    found = build_registration(
        event, *party, state=state, answers={"diet": "no celery"}, **values
    )
    facts = {"who": party[-1], "what": "guest_cancelled"}
    if kind == MessageKind.NOTE:
        facts = {"subject": "{name}", "text": "Dear {name}"}
    message = build_message(kind, found, **facts)
    return compose(message, code_key=KEY, public_url=PUBLIC_URL)


@for_each("kind", ATTENDEE_KINDS)
def test_no_mail_carries_what_only_looks_like_a_name(kind):
    unknown = text_of(written(kind, *EVIL, proved_at=None))

    assert not re.search("Win 500|casino|Prize|0900|Call 5", unknown)
    assert "celery" not in unknown


CAN_BE_CAUSED = [
    "confirm_address",
    "requested",
    "confirmation",
    "waitlisted",
    "offer",
    "promoted",
    "changed",
    "ticket_again",
    "cancelled",
    "lapsed",
    "released",
]


@for_each("kind", CAN_BE_CAUSED)
def test_plain_names_stand_on_tickets_alone(kind):
    mail = written(MessageKind(kind), "Ada Bell", "Bo Moss", proved_at=None)

    assert "Ada" not in mail.subject + mail.text.partition("-----")[0]
    before, _, _rest = mail.html.partition('class="ticket')
    assert "Ada" not in before
    tickets = re.findall(r'<p class="name[^>]*>(?:<bdi>)?([^<]*)', mail.html)
    outside = re.sub(
        r'<p class="name.*?</p>|alt="[^"]*"', "", mail.html, flags=re.DOTALL
    )
    assert not re.search("Ada|Bell|Bo |Moss", outside)
    seated = kind in ("confirmation", "promoted", "ticket_again")
    if seated:
        assert tickets == ["Ada Bell", "Bo Moss"]
        assert len(mail.images) == 2
    elif kind == "changed":
        assert (tickets, mail.images) == (["2 places"], {})
        assert "Code:" not in mail.text


def test_who_has_proved_the_address_is_called_by_name():
    mail = written(MessageKind.CONFIRMATION, "Dr. Dev Anand", "Casino")

    assert mail.subject.startswith("Dr. Dev Anand, about")
    assert "Hello Dr. Dev Anand" in mail.text
    assert re.findall(r'<p class="name[^>]*>(?:<bdi>)?([^<]*)', mail.html) == [
        "Dr. Dev Anand",
        "Casino",
    ]


def test_a_neutral_word_stands_instead():
    mail = written(MessageKind.CONFIRMATION, *EVIL, proved_at=None)

    assert mail.subject.startswith("guest, about")
    assert re.findall(r'<p class="name[^>]*>(?:<bdi>)?([^<]*)', mail.html) == [
        "You",
        "Guest 1",
        "Guest 2",
    ]
    waits = written(MessageKind.WAITLISTED, *EVIL, proved_at=None)
    assert "You and 2 guests" in waits.text


def test_organizers_write_to_plain_names():
    for name, said in (("Ada Bell", "Dear Ada Bell"), (EVIL[0], "Dear guest")):
        mail = written(MessageKind.NOTE, name, proved_at=None)
        assert said in mail.text
