"""Addresses: what people open in one spelling, and where the site can listen."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from rsvp import create_app, site_addresses
from tests.support.for_each import for_each

RSVP = Path(sys.executable).with_name("rsvp")

# --- what people open ---------------------------------------------------------------


@for_each(
    ("text", "url"),
    [
        ("https://rsvp.example.org", "https://rsvp.example.org"),
        ("https://rsvp.example.org/", "https://rsvp.example.org"),
        ("HTTPS://RSVP.Example.Org", "https://rsvp.example.org"),
        ("https://rsvp.example.org.", "https://rsvp.example.org"),
        ("https://rsvp.example.org:443/", "https://rsvp.example.org"),
        ("http://rsvp.example.org:80", "http://rsvp.example.org"),
        ("http://rsvp.example.org:443", "http://rsvp.example.org:443"),
        ("https://rsvp.example.org:", "https://rsvp.example.org"),
        ("https://rsvp.example.org:08443", "https://rsvp.example.org:8443"),
        ("http://intranet", "http://intranet"),
        ("http://my_host.local:8000", "http://my_host.local:8000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]"),
    ],
)
def test_a_public_address_has_one_spelling(text, url):
    assert site_addresses.public_url(text) == url
    assert site_addresses.public_url(url) == url


NO_PUBLIC_ADDRESSES = [
    "rsvp.example.org",
    "ftp://h.example",
    "javascript:alert(1)",
    "//h.example",
    "https:/h.example",
    "https:h.example",
    "https://",
    "https:///h.example",
    "https://h.example/rsvp",
    "https://h.example//",
    "https://h.example/.",
    "x",
    "https://h.example?",
    "https://h.example/?a=b",
    "https://h.example#",
    "https://?",
    "https://ada@h.example",
    "https://ada:key@h.example",
    "https://@h.example",
    "https://h.example\\@evil.example",
    "https://h example",
    "https://h.example ",
    " https://h.example",
    "https://h.exa\tmple",
    "https://h.example\n",
    "https://h\0",
    "https://h.example:0",
    "https://h.example:65536",
    "https://h.example:http",
    "https://h.example:-1",
    "https://h.example:8 0",
    "https://:8000",
    "https://.",
    "https://h..example",
    "https://.h.example",
    "https://-h.example",
    'https://h"x',
    "https://h.example..",
    "https://h<b>.example",
    "https://h%2eexample",
    "https://*",
    "https://xn--\u00e9.example",
    "https://bücher.example",
    "https://xn--9.example",
    "https://127.1",
    "http://0x7f.0.0.1",
    "http://2130706433",
    "https://1.2.3.256",
    "https://[::1",
    "https://[zz]",
    "https://[fe80::1%25eth0]",
    "https://::1",
    "https://[::1]x",
    "https://[h.example]",
    "https://h.example:8000:1",
    f"https://{'a' * 64}.example",
    f"https://{'a.' * 130}example",
    "https://h.example,k.example",
    "https://h.example;k",
]


@for_each("text", NO_PUBLIC_ADDRESSES)
def test_what_is_no_public_address_is_refused_in_a_line(text):
    with pytest.raises(ValueError, match=r"^(must|has) ") as refused:
        site_addresses.public_url(text)

    assert "\n" not in str(refused.value)
    assert "key" not in str(refused.value)


@for_each(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"PORT": 80}, "http://127.0.0.1"),
        ({"HOST": "localhost"}, "http://localhost:8000"),
        ({"HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"HOST": "::"}, "http://127.0.0.1:8000"),
        ({"HOST": "[::1]", "PORT": 8100}, "http://[::1]:8100"),
        ({"HOST": "192.0.2.7"}, "http://192.0.2.7:8000"),
        ({"HOST": "Desk.Example.Org"}, "http://desk.example.org:8000"),
        ({"HOST": "::1", "PUBLIC_URL": "https://H.example/"}, "https://h.example"),
    ],
)
def test_without_a_public_address_it_is_where_the_site_listens(tmp_path, settings, url):
    app = create_app({"INSTANCE_PATH": str(tmp_path), **settings})

    assert app.config["PUBLIC_URL"] == url


@for_each(
    ("url", "domain"),
    [
        ("https://rsvp.example.org:8443", "rsvp.example.org"),
        ("http://192.0.2.7", "[192.0.2.7]"),
        ("http://[2001:db8::1]:8000", "[IPv6:2001:db8::1]"),
    ],
)
def test_mails_come_from_the_public_host_as_mail_writes_it(tmp_path, url, domain):
    app = create_app({"INSTANCE_PATH": str(tmp_path), "PUBLIC_URL": url})

    assert app.config["MAIL_DEFAULT_SENDER"] == ("RSVP", f"rsvp@{domain}")


# --- where the site listens ---------------------------------------------------------


@for_each(
    ("text", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        (" LocalHost ", "localhost"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("::", "::"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("desk.example.org.", "desk.example.org."),
    ],
)
def test_a_host_to_listen_on_is_a_name_or_an_address(text, host):
    found = site_addresses.listening_host(text)

    assert found == host or found == str(site_addresses.ip_address(host))


@for_each(
    "text",
    [
        "localhost:8000",
        "127.0.0.1:8000",
        "[::1]:8000",
        "http://localhost",
        "*",
        "fe80::1%eth0",
        "::1%1",
        "127.0.0.256",
        "1.2.3.4.5",
        "a b",
        "/run/rsvp.sock",
        "unix:/run/rsvp.sock",
        "a..b",
        ".",
        "-",
        "ho\nst",
        "[]",
        "[",
        "höst",
        "x" * 64,
        "127.0.0.1,::1",
    ],
)
def test_what_is_no_host_to_listen_on_is_refused(text):
    with pytest.raises(ValueError, match=r"^must "):
        site_addresses.listening_host(text)


def test_a_name_stands_for_an_address_of_this_machine():
    assert site_addresses.resolve_listening_host("localhost", 0) == "127.0.0.1"
    assert site_addresses.resolve_listening_host("::1", 0) == "::1"
    assert site_addresses.resolve_listening_host("127.0.0.1", 0) == "127.0.0.1"
    assert site_addresses.resolve_listening_host("::", 0) == "::"


@for_each("host", ["no-such-host.invalid", "192.0.2.1", "2001:db8::1"])
def test_a_host_that_is_not_here_is_refused(host):
    with pytest.raises(ValueError, match=re.escape(host)):
        site_addresses.resolve_listening_host(host, 0)


def test_a_port_that_is_taken_is_not_the_hosts_mistake():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert site_addresses.resolve_listening_host("127.0.0.1", port) == "127.0.0.1"
        # Whoever opens it then says that the port is taken.


OUTSIDE = {n: v for n, v in os.environ.items() if not n.startswith("RSVP_")}


@pytest.fixture(scope="module")
def instance(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("instance")
    environment = OUTSIDE | {"RSVP_INSTANCE_PATH": str(folder)}
    subprocess.run([RSVP, "init"], env=environment, check=True)
    return folder


@for_each(("host", "shown"), [("[::1]", "[::1]"), ("LOCALHOST", "localhost")])
def test_the_site_listens_there_and_says_so(instance, host, shown):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = OUTSIDE | {"RSVP_INSTANCE_PATH": str(instance), "RSVP_HOST": host}
    environment |= {"RSVP_PORT": str(port), "RSVP_WEB_PROCESSES": "1"}
    site = subprocess.Popen(
        [RSVP, "serve", "--no-worker"], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert site.stdout
        assert select.select([site.stdout], [], [], 60)[0], "it says nothing"
        told = site.stdout.readline().decode()
        assert told == f"RSVP is running at http://{shown}:{port} (Ctrl-C ends it)\n"
        with urlopen(f"http://{shown}:{port}/health/live", timeout=10) as answer:
            assert answer.status == 200
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait(30)
