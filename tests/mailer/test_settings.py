"""Mail settings: what is meant is understood, what can't be meant is refused."""

from __future__ import annotations

import pytest

from rsvp import create_app
from rsvp.config import UnsafeStart
from rsvp.mailer import settings as mailer_settings
from tests.support.for_each import for_each

ADDRESS = "must be one mail address, such as"
HOST = "must be a host name such as mail.example.org, or an IP address, and"
SERVER = {"MAIL_SERVER": "127.0.0.1", "PUBLIC_URL": "https://rsvp.example.org"}
LINE = "must be one line, with no tab and no control character"


@for_each(
    ("text", "host"),
    [
        ("mail.example.org", "mail.example.org"),
        ("Mail.Example.org", "Mail.Example.org"),
        ("localhost", "localhost"),
        ("mail_server", "mail_server"),
        ("mail.example.org.", "mail.example.org."),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("mail.example.org\n", "mail.example.org"),
        ("mail.example.org\r\n", "mail.example.org"),
        ("\n", ""),
    ],
)
def test_a_server_is_a_host_or_an_address(text, host):
    assert mailer_settings.parse_server(text) == host


@for_each(
    ("text", "why"),
    [
        *((text, HOST) for text in ("smtp://mail.example.org", "mail.example.org:25")),
        *((text, HOST) for text in ("mail.example.org/", "ada:pa55@mail.example.org")),
        *((text, HOST) for text in (" mail", "mail ", "ma il", '"mail"', "a,b", "$M")),
        *((text, HOST) for text in ("mail..example.org", ".mail", "mail..", "-mail")),
        *((text, HOST) for text in ("a" * 64 + ".example.org", "abc." * 64 + "org")),
        *((text, HOST) for text in ("1.2.3", "999.1.1.1", "0x7f000001", "[mail]")),
        *((text, HOST) for text in ("::1:", "[::1", "/run/smtp.sock")),
        ("mail\n\n", LINE),
        ("ma\til", LINE),
        ("mail\x00", LINE),
        ("bücher.example", "must have its host as the DNS has it, in ASCII"),
        ("m\udcfcl", "must be text in UTF-8"),
    ],
)
def test_what_is_no_server_is_refused_and_not_repeated(text, why):
    with pytest.raises(ValueError, match="must") as refusal:
        mailer_settings.parse_server(text)
    assert str(refusal.value).startswith(why)
    assert "pa55" not in str(refusal.value)


@for_each(
    ("text", "sender"),
    [
        ("rsvp@example.org", ("", "rsvp@example.org")),
        (" <rsvp@example.org>\n", ("", "rsvp@example.org")),
        ("\u200f <rsvp@example.org>", ("", "rsvp@example.org")),
        ("\u2068Room <rsvp@example.org>\u2069,", ("Room", "rsvp@example.org")),
        ("Reading Room <rsvp@example.org>", ("Reading Room", "rsvp@example.org")),
        ("Büro, Süd <a@bücher.example>", ("Büro, Süd", "a@xn--bcher-kva.example")),
        ('"The \\"Room\\"" <rsvp@example.org>', ('The "Room"', "rsvp@example.org")),
        ("rsvp@localhost", ("", "rsvp@localhost")),
        ("rsvp@site.test", ("", "rsvp@site.test")),
        ("rsvp@192.0.2.1", ("", "rsvp@[192.0.2.1]")),
        ("rsvp@[192.0.2.1]", ("", "rsvp@[192.0.2.1]")),
        ("rsvp@[IPv6:::1]", ("", "rsvp@[IPv6:::1]")),
    ],
)
def test_a_sender_is_a_name_and_an_address(text, sender):
    assert mailer_settings.parse_sender(text) == sender


@for_each(
    ("text", "why"),
    [
        *((text, ADDRESS) for text in ("Nobody", "rsvp@", "@example.org", "a@b@c.org")),
        *((text, ADDRESS) for text in ("a@example.org, b@example.org", "Room <>")),
        *((text, ADDRESS) for text in ("a b@example.org", "Room rsvp@example.org")),
        *((text, ADDRESS) for text in ("rsvp@a..b", "rsvp@exa mple.org", "a@1.2.3")),
        *((text, ADDRESS) for text in (".a@example.org", "a..b@example.org")),
        ("Room\nBcc: <rsvp@example.org>", LINE),
        ("Room\x85 <rsvp@example.org>\r\n\r\n", LINE),
        ("büro@example.org", "must have ASCII before the @"),
        ("x" * 65 + "@example.org", "must have 64 characters at most before the @"),
        ("N" * 101 + " <a@example.org>", "must have a name of 100 characters at most"),
        ('"\u200f" <a@example.org>', "must have a name that can be seen"),
    ],
)
def test_what_is_no_sender_is_refused(text, why):
    with pytest.raises(ValueError, match="must") as refusal:
        mailer_settings.parse_sender(text)
    assert str(refusal.value).startswith(why)


@for_each(
    ("text", "kept"),
    [
        ("pässwörd\n", "pässwörd"),
        (" spaces stay ", " spaces stay "),
        ("0012345", "0012345"),
        ("a:b\\c%20", "a:b\\c%20"),
        ("ö" * 2048, "ö" * 2048),
    ],
)
def test_a_password_is_kept_to_the_letter_but_for_its_files_last_line_break(text, kept):
    assert mailer_settings.parse_secret(text) == kept


@for_each("text", ["a\0b", "a\nb", "a\n\n", "a\tb", "\udcfc", "ö" * 2049])
def test_what_no_server_could_take_as_a_password_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        mailer_settings.parse_secret(text)


@for_each(
    ("values", "line"),
    [
        (
            {"MAIL_USERNAME": "ada"},
            "RSVP_MAIL_USERNAME is set but RSVP_MAIL_PASSWORD is not: signing in takes "
            "both",
        ),
        (
            {"MAIL_PASSWORD": "pa55"},
            "RSVP_MAIL_PASSWORD is set but RSVP_MAIL_USERNAME is not: signing in takes "
            "both",
        ),
        (
            {"MAIL_USERNAME": "ada", "MAIL_PASSWORD": "\n"},
            "RSVP_MAIL_USERNAME is set but RSVP_MAIL_PASSWORD is not: signing in takes "
            "both",
        ),
        (
            {"MAIL_USERNAME": "ada", "MAIL_PASSWORD": "pa55\0"},
            "RSVP_MAIL_PASSWORD must be one line, with no tab and no control character",
        ),
        (
            {"MAIL_PORT": 465, "MAIL_USE_TLS": True},
            "RSVP_MAIL_PORT is 465, where servers encrypt from the first byte on: set "
            "RSVP_MAIL_USE_SSL",
        ),
        ({"SITE_NAME": "Room\nTwo"}, f"RSVP_SITE_NAME {LINE}"),
        ({"SITE_NAME": "\n"}, "RSVP_SITE_NAME must have a name that can be seen"),
    ],
)
def test_odd_settings_are_refused_at_start_in_one_line(tmp_path, values, line):
    with pytest.raises(UnsafeStart) as refusal:
        create_app(SERVER | values | {"INSTANCE_PATH": str(tmp_path)})
    assert str(refusal.value) == line


def test_without_a_sender_mails_come_from_the_sites_host(tmp_path):
    for url, address in (
        ("https://rsvp.example.org", "rsvp@rsvp.example.org"),
        ("http://192.0.2.1:8000", "rsvp@[192.0.2.1]"),
        ("http://[2001:db8::1]", "rsvp@[IPv6:2001:db8::1]"),
    ):
        settings = {"PUBLIC_URL": url, "SITE_NAME": "Reading Room\n"}
        found = create_app(settings | {"INSTANCE_PATH": str(tmp_path)}).config
        assert found["MAIL_DEFAULT_SENDER"] == ("Reading Room", address)
