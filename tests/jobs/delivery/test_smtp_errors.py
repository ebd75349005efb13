"""Whatever a mail server says, or doesn't: what is the whole server's is no mail's end,
and organizers read why in words."""

from __future__ import annotations

import logging
import socket
import time

import pytest
from sqlalchemy import select

from rsvp.extensions import db
from rsvp.mailer import connection
from rsvp.mailer.smtp import MAX_ANSWER_BYTES, TimedSMTP, local_host_name
from rsvp.models import MailDomain
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states
from tests.support.raw_smtp_server import BANNER, CLOSE, END_OF_DATA

# What the dialogue does is the same on each database.
pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)

ADA, BO, EVE = "ada@example.org", "bo@example.org", "eve@example.com"
HUNG_UP = "the mail server hung up"
NO_SMTP = "the mail server's answer was none that SMTP knows"
NO_TLS = "the mail server does not encrypt from the first byte on"
LONG = b"x" * 9000
SECRET = "pa55-wörd"


def register_all(*emails: str) -> None:
    event = make_event()
    for email in emails:
        register(event, email=email)


def reasons() -> list[str | None]:
    return [message.last_error for message in all_messages()]


def puts_all_off(reason: str, caplog) -> None:
    """Nothing is lost, no domain is blamed, the next worker goes on."""
    caplog.set_level(logging.DEBUG, logger="rsvp")
    register_all(ADA, BO, EVE)

    assert deliver() == (0, 3, 0)
    assert message_states() == ["queued"] * 3
    assert reasons() == [reason] * 3
    assert [message.lease_until for message in all_messages()] == [None] * 3
    assert db.session.scalars(select(MailDomain)).all() == []
    for secret in ("pa55", "-1", "b'", ADA):
        assert secret not in caplog.text


# --- the server is in no state to take mail -----------------------------------------


@for_each(
    ("answers", "reason"),
    [
        ({BANNER: CLOSE}, HUNG_UP),
        ({BANNER: b"554 5.3.2 not here\r\n"}, "554 5.3.2 not here"),
        ({BANNER: b"421 later\r\n" + CLOSE}, "421 later"),
        ({BANNER: b"554\r\n" + CLOSE}, "554 without a reason"),
        ({BANNER: b"554 " + LONG + b"\r\n"}, "554 " + "x" * 496),
        ({BANNER: b"HTTP/1.1 400 Bad Request\r\n\r\n" + CLOSE}, NO_SMTP),
        ({BANNER: b"\r\n220 mx\r\n"}, NO_SMTP),
        ({BANNER: b"hello\r\n220 mx\r\n"}, NO_SMTP),
        ({BANNER: b"-1 mx\r\n"}, NO_SMTP),
        ({BANNER: b"999 mx\r\n"}, NO_SMTP),
        ({BANNER: b"2200 mx\r\n"}, NO_SMTP),
        ({BANNER: b"220-mx\r\nmore\r\n"}, NO_SMTP),
        ({BANNER: b"\x15\x03\x01\x00\x02\x02\x46\n" + CLOSE}, NO_SMTP),
        (
            {BANNER: b"220-" + b"x" * MAX_ANSWER_BYTES},
            "the mail server's answer had no end",
        ),
        (
            {BANNER: b"220-more\r\n" * (MAX_ANSWER_BYTES // 10 + 1)},
            "the mail server's answer had no end",
        ),
        ({BANNER: b"250 mx\r\n"}, "the mail server's answer was out of turn (250)"),
        ({"EHLO": CLOSE}, HUNG_UP),
        ({"EHLO": b"421 4.3.2 closing\r\n" + CLOSE}, "421 4.3.2 closing"),
        ({"EHLO": b"502 no\r\n", "HELO": b"504 no\r\n"}, "504 no"),
        ({"EHLO": b"502 no\r\n", "HELO": CLOSE}, HUNG_UP),
        ({"EHLO": b"what?\r\n"}, NO_SMTP),
        ({"MAIL": b"550 5.7.1 \xff\x00you\xc3\xa9\r\n"}, "550 5.7.1 � youé"),
        ({"MAIL": b"530 sign in first\r\n"}, "530 sign in first"),
        ({"MAIL": b"421 later\r\n" + CLOSE}, "421 later"),
        ({"MAIL": b"451 later\r\n"}, "451 later"),
        ({"MAIL": b"550-no\r\n550-not you\r\n550 ever\r\n"}, "550 no not you ever"),
        ({"MAIL": b"354 go on\r\n"}, "the mail server's answer was out of turn (354)"),
        ({"MAIL": CLOSE}, HUNG_UP),
        ({"MAIL": b"\r\n"}, NO_SMTP),
    ],
    fresh=True,
)
def test_what_fails_before_the_recipient_puts_all_off(
    app, raw, caplog, answers, reason
):
    raw.answers = answers
    puts_all_off(reason, caplog)

    raw.answers = {}
    assert deliver(NOON + 2 * MINUTE) == (3, 0, 0)


@for_each(
    ("answer", "reason"),
    [
        (None, "the mail server offers no encryption after connecting (STARTTLS)"),
        (b"454 4.7.0 not now\r\n", "454 4.7.0 not now"),
        (b"502 no\r\n", "502 no"),
        (CLOSE, HUNG_UP),
        (b"220 go on\r\n" + CLOSE, HUNG_UP),
        (
            b"220 go on\r\n250 mx\r\n",
            "the mail server, or somebody on the way to it, said more than it may "
            "before encryption",
        ),
    ],
    fresh=True,
)
def test_encryption_that_fails_puts_all_off(
    app, raw, encrypting, caplog, monkeypatch, answer, reason
):
    monkeypatch.setitem(app.config, "MAIL_USE_TLS", True)
    if answer is not None:
        raw.offers = ["STARTTLS"]
        raw.answers = {"STARTTLS": answer}
    puts_all_off(reason, caplog)
    assert not any(line.startswith(b"MAIL") for line in raw.heard)

    raw.offers, raw.answers, raw.tls = [], {}, encrypting
    assert deliver(NOON + 2 * MINUTE) == (3, 0, 0)


def test_encryption_from_the_first_byte_where_the_server_has_none(
    app, raw, caplog, monkeypatch
):
    monkeypatch.setitem(app.config, "MAIL_USE_SSL", True)
    puts_all_off(NO_TLS, caplog)


@for_each(
    ("offers", "answer", "reason"),
    [
        (
            [],
            None,
            "the mail server offers no sign-in; without encryption many offer none",
        ),
        (
            ["AUTH XOAUTH2 NTLM \x00"],
            None,
            "the mail server offers no sign-in that we know (CRAM-MD5, PLAIN, LOGIN), "
            "only XOAUTH2, NTLM",
        ),
        (
            ["AUTH"],
            None,
            "the mail server offers no sign-in that we know (CRAM-MD5, PLAIN, LOGIN), "
            "only none",
        ),
        (
            ["AUTH PLAIN"],
            b"535 5.7.8 pa55-w\xc3\xb6rd is not right for ada\r\n",
            "the mail server refused our sign-in (535 5.7.8)",
        ),
        (
            ["AUTH PLAIN LOGIN"],
            b"454 later\r\n",
            "the mail server refused our sign-in (454)",
        ),
        (
            ["AUTH LOGIN"],
            b"421 4.3.2 closing\r\n" + CLOSE,
            "the mail server refused our sign-in (421 4.3.2)",
        ),
        (["AUTH PLAIN"], CLOSE, HUNG_UP),
        (["AUTH PLAIN"], b"nonsense\r\n", NO_SMTP),
        (["AUTH CRAM-MD5"], b"334 a\r\n", NO_SMTP),
        (
            ["AUTH CRAM-MD5"],
            b"334 \r\n",
            "the mail server refused our sign-in (500)",
        ),
        (["AUTH LOGIN"], b"250 OK\r\n", "the mail server refused our sign-in (250)"),
    ],
    fresh=True,
)
def test_a_sign_in_that_fails_puts_all_off(
    app, raw, caplog, monkeypatch, offers, answer, reason
):
    monkeypatch.setitem(app.config, "MAIL_USERNAME", "ada")
    monkeypatch.setitem(app.config, "MAIL_PASSWORD", SECRET)
    raw.offers = offers
    if answer is not None:
        raw.answers = {"AUTH": answer}
    puts_all_off(reason, caplog)
    assert not any(line.startswith(b"MAIL") for line in raw.heard)


@for_each(
    ("name", "reason"),
    [
        ("mail..example.org", "can't be written"),
        ("a" * 64 + ".example.org", "can't be written"),
        ("bücher.invalid", "is not known"),
        ("nowhere.invalid", "is not known"),
        ("a b", "is not known"),
        ("mail\x00", "is not known"),
    ],
    fresh=True,
)
def test_a_server_whose_name_is_none_puts_all_off(app, raw, monkeypatch, name, reason):
    monkeypatch.setitem(app.config, "MAIL_SERVER", name)
    register_all(ADA, BO, EVE)

    assert deliver() == (0, 3, 0)
    [why] = set(reasons())
    assert reason in why
    assert name not in why


def test_a_mistake_of_ours_while_connecting_ends_no_worker(
    app, raw, monkeypatch, caplog
):
    def stumble(self, name=""):
        raise AttributeError(SECRET)

    monkeypatch.setattr(TimedSMTP, "ehlo", stumble)
    puts_all_off("the mail server could not be reached: AttributeError", caplog)
    assert "can't be sent: AttributeError" in caplog.text


def test_nothing_left_to_work_with_ends_it(app, raw, monkeypatch):
    def stumble(self, name=""):
        raise MemoryError

    monkeypatch.setattr(TimedSMTP, "ehlo", stumble)
    register_all(ADA)
    with pytest.raises(MemoryError):
        deliver()


# --- our own address ----------------------------------------------------------------


@for_each("offers", [[], ["SMTPUTF8"]], fresh=True)
def test_a_sender_in_letters_that_the_server_does_not_take_puts_all_off(
    app, raw, monkeypatch, offers
):
    monkeypatch.setitem(app.config, "MAIL_DEFAULT_SENDER", "büro@example.org")
    raw.offers = offers
    raw.answers = {"MAIL": b"550 5.6.7 no such letters\r\n"}
    register_all("zoë@example.org", ADA, BO)

    assert deliver() == (0, 3, 0)
    own = "can't send for an address like ours"
    assert all(own in why or why.startswith("550 5.6.7") for why in reasons())
    monkeypatch.setitem(app.config, "MAIL_DEFAULT_SENDER", "buero@example.org")
    raw.offers, raw.answers = ["SMTPUTF8"], {}
    assert deliver(NOON + 2 * MINUTE) == (3, 0, 0)


@for_each(("is_esmtp", "report"), [(True, (1, 0, 1)), (False, (1, 0, 1))], fresh=True)
def test_letters_of_a_recipient_are_that_mails_end_alone(app, raw, is_esmtp, report):
    raw.offers = []
    if not is_esmtp:
        raw.answers = {"EHLO": b"502 what?\r\n"}
    register_all("zoë@example.org", ADA)

    assert deliver() == report
    assert reasons() == [
        "the mail server can't write to an address like this one",
        None,
    ]


def test_letters_that_are_offered_and_refused_hold_up_nobody_else(app, raw):
    raw.answers = {"MAIL": b"555 5.5.4 unknown parameter\r\n"}
    register_all("zoë@example.org")
    assert deliver() == (0, 1, 0)
    register_all("zoë@example.com", ADA, BO, EVE)
    raw.answers = {}
    assert deliver() == (4, 0, 0)
    assert reasons()[0] == "555 5.5.4 unknown parameter"


def test_a_mail_that_is_too_large_holds_up_nobody_else(app, smtp):
    smtp.script.extend(["mail 552 5.3.4 too large"] * 2)
    register_all(ADA, "bo@example.com", "eve@example.net", "joe@example.net")

    assert deliver() == (2, 2, 0)
    assert reasons() == ["552 5.3.4 too large"] * 2 + [None] * 2


# --- answers to one mail ------------------------------------------------------------


@for_each(
    ("answers", "state", "reason"),
    [
        ({"RCPT": b"550 " + LONG + b"\r\n"}, "failed", "550 " + "x" * 496),
        ({"RCPT": b"550-" + LONG + b"\r\n550 y\r\n"}, "failed", "550 " + "x" * 496),
        ({"RCPT": b"550\r\n"}, "failed", "550 without a reason"),
        ({"RCPT": b"550 \xff\x00\x1b[1mno\r\n"}, "failed", "550 � [1mno"),
        ({"RCPT": b"550-a\r\n550-\r\n550 b\r\n"}, "failed", "550 a b"),
        (
            {"RCPT": b"550-abcd\r\n" * 5000 + b"550 b\r\n"},
            "failed",
            "550" + " abcd" * 99 + " a",
        ),
        ({"RCPT": b"250-a\r\n550 b\r\n"}, "failed", "550 a b"),
        ({"RCPT": b"unknown\r\n"}, "queued", NO_SMTP),
        ({"RCPT": b"\r\n"}, "queued", NO_SMTP),
        ({"RCPT": CLOSE}, "queued", HUNG_UP),
        ({"RCPT": b"421 no\r\n" + CLOSE}, "queued", "421 no"),
        (
            {"RCPT": b"354 go on\r\n"},
            "queued",
            "the mail server's answer was out of turn (354)",
        ),
        ({"DATA": b"554 no\r\n"}, "failed", "554 no"),
        (
            {"DATA": b"250 OK\r\n"},
            "queued",
            "the mail server's answer was out of turn (250)",
        ),
        ({END_OF_DATA: b"what?\r\n"}, "queued", NO_SMTP),
        ({END_OF_DATA: CLOSE}, "queued", HUNG_UP),
        ({END_OF_DATA: b"421 no\r\n" + CLOSE}, "queued", "421 no"),
        ({END_OF_DATA: b"552 " + LONG + b"\r\n"}, "failed", "552 " + "x" * 496),
    ],
    fresh=True,
)
def test_what_is_said_to_a_mail_is_read_to_its_end(app, raw, answers, state, reason):
    raw.answers = answers
    register_all(ADA)
    deliver()

    assert (message_states(), reasons()) == ([state], [reason])


@for_each(
    "answers",
    [
        {BANNER: b"220 " + LONG + b"\r\n"},
        {BANNER: b"220-" + LONG + b"\r\n220-\xff\x00\r\n220 mx\r\n"},
        {BANNER: b"220\r\n"},
        {BANNER: b"220 mx\n"},
        {"EHLO": b"250-mx\r\n" + b"250-X-MORE\r\n" * 5000 + b"250 SIZE\r\n"},
        {"EHLO": b"250-mx\r\n250-" + LONG + b"\r\n250 SIZE 99999999\r\n"},
        {"EHLO": b"502 what?\r\n"},
        {"RCPT": b"250 " + LONG * 20 + b"\r\n"},
        {END_OF_DATA: b"250 " + LONG + b"\r\n"},
        {"QUIT": b"no\r\n"},
        {"QUIT": CLOSE},
    ],
    fresh=True,
)
def test_long_and_odd_answers_keep_no_mail_back(app, raw, answers):
    raw.answers = answers
    register_all(ADA, BO)

    assert deliver() == (2, 0, 0)
    assert len(raw.taken) == 2


@for_each(
    "answer",
    [b"what?\r\n", b"500 what?\r\n", b"421 bye\r\n" + CLOSE, CLOSE],
    fresh=True,
)
def test_after_a_refusal_that_is_not_taken_back_another_connection_goes_on(
    app, raw, answer
):
    raw.answers = {"RCPT": b"550 nobody\r\n", "RSET": answer}
    register_all(ADA)
    assert deliver() == (0, 0, 1)
    raw.answers.pop("RCPT")
    register_all(BO, EVE)
    assert deliver() == (2, 0, 0)
    assert reasons() == ["550 nobody", None, None]


def test_whatever_a_domain_answers_is_told_in_words_that_name_nobody(app, raw):
    raw.answers = {"RCPT": b"421 <ada@example.org> never\r\n" + CLOSE}
    register_all(ADA)
    deliver()

    [known] = db.session.scalars(select(MailDomain)).all()
    assert known.last_error == "it answered 421"


def test_what_was_said_of_one_recipient_is_not_told_to_others(app, raw):
    raw.answers = {"RCPT": b"530 <ada@example.org> sign in first\r\n"}
    register_all(ADA, BO, EVE)

    assert deliver() == (0, 3, 0)
    assert reasons()[2] == "the mail server takes no mails from this site right now"


def test_a_server_that_never_says_goodbye_is_left_soon(app, raw, monkeypatch):
    monkeypatch.setattr(connection, "QUIT_SECONDS", 0.2)
    raw.answers = {"QUIT": b"", "MAIL": b"550 no\r\n"}
    register_all(ADA)

    before = time.monotonic()
    assert deliver() == (0, 1, 0)
    assert time.monotonic() - before < 4


@for_each("name", ["büro", "a_b.example.org", "ada", "a b.example.org"], fresh=True)
def test_a_machine_without_a_name_of_its_own_names_its_address(
    app, raw, monkeypatch, name
):
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    monkeypatch.setattr("rsvp.mailer.smtp.local_host_name", local_host_name.__wrapped__)
    register_all(ADA)

    assert deliver() == (1, 0, 0)
    assert raw.heard[0] == b"ehlo [127.0.0.1]"


# --- other ways to write a server ---------------------------------------------------


def test_a_server_by_its_name_with_a_dot_at_its_end(app, raw, encrypting, monkeypatch):
    here = socket.getaddrinfo("127.0.0.1", raw.port, type=socket.SOCK_STREAM)
    asked = []

    def look_up(name, *more, **_):
        asked.append(name)
        return here

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.org.")
    monkeypatch.setitem(app.config, "MAIL_USE_TLS", True)
    raw.tls = encrypting
    register_all(ADA)
    # The certificate is that of mail.example.org, as no certificate has the dot.
    assert deliver() == (1, 0, 0)
    assert asked[0] == "mail.example.org."
