"""Slow peers: whoever sends or reads slowly costs themselves, and nobody else."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from rsvp.cli.server import GRACE_SECONDS, SEND_TIMEOUT_SECONDS, open_sockets
from tests.paths import ROOT
from tests.support.http_client import Connection, form_fields, form_token
from tests.support.ports import free_port
from tests.support.process_memory import memory_mib
from tests.support.serve_process import RSVP_COMMAND, ServeProcess, kill_remaining
from tests.support.slow_peers import (
    EVENT,
    HEAD,
    longest_file_path,
    slow_readers,
    slow_senders,
)

PAGES = ("/", "/events/evening", "/health/live", "/health/ready")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """A running site with an event."""
    site = ServeProcess(tmp_path_factory.mktemp("instance"))
    try:
        rsvp(site, "init")
        rsvp(site, "event", "import", "-", stdin=EVENT)
        site.start()
        yield site
    finally:
        kill_remaining(site)


def rsvp(site: ServeProcess, *words: str, stdin: str = "") -> str:
    return subprocess.run(
        [RSVP_COMMAND, *words],
        env=site.environment,
        input=stdin,
        text=True,
        check=True,
        capture_output=True,
    ).stdout


def registered(site: ServeProcess) -> int:
    return len(rsvp(site, "attendees", "evening", "--format", "csv").splitlines()) - 1


def send(site: ServeProcess, data: bytes | str) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    peer.sendall(data.encode() if isinstance(data, str) else data)
    return peer


def filled(site: ServeProcess) -> bytes:
    token = form_token(Connection(site.port).get("/events/evening").body)
    return urlencode(form_fields(token, "seat")).encode()


def test_slow_senders_and_readers_keep_no_thread(site):
    """Five times as many as there are threads, and still everybody is served."""
    with contextlib.ExitStack() as stack:
        for peer in (*slow_senders(site.port, 40), *slow_readers(site.port, 40)):
            stack.enter_context(peer)
        for path in PAGES * 3:
            assert site.status(path) == 200
        answer = Connection(site.port).ask(
            HEAD + f"Content-Length: {len(body := filled(site))}\r\n\r\n{body.decode()}"
        )
        assert answer.status == 303


def test_half_a_form_stores_nothing_and_a_whole_one_is_stored(site):
    body = filled(site)
    half, rest = body[:-20], body[-20:]
    begun = half.decode()
    chunked = HEAD + "Transfer-Encoding: chunked\r\n\r\n"
    cut_off = [
        HEAD + f"Content-Length: {len(body)}\r\n\r\n{begun}",
        chunked + f"{len(half):x}\r\n{begun}\r\n",
        chunked + f"{len(body):x}\r\n{begun}",
    ]
    before = registered(site)
    for text in cut_off:
        peer = send(site, text)
        # With a reset, not a polite end.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        with send(site, text) as peer:
            peer.shutdown(socket.SHUT_WR)
            assert b" 303 " not in peer.recv(100)
    assert registered(site) == before

    chunks = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (half, rest, b""))
    whole = chunked.encode() + chunks
    with send(site, whole) as peer:
        assert peer.recv(100).startswith(b"HTTP/1.1 303 ")
    assert registered(site) == before + 1


def test_a_form_that_is_too_long_is_refused_on_a_page_before_it_was_sent(site):
    with send(
        site, HEAD + "Accept: text/html\r\nContent-Length: 999999999\r\n\r\n"
    ) as peer:
        answer = peer.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"That was more than we can take" in answer


def test_long_answers_arrive_whole(site):
    path = longest_file_path()
    file = ROOT / "static" / path.split("/", 3)[3]
    answer = Connection(site.port).get(path)

    assert answer.status == 200
    assert answer.body == file.read_bytes()


def test_odd_requests_are_answered_and_the_site_goes_on(site):
    for odd in (
        "GET /%ff%fe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Odd: \xe9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + "x" * 70_000 + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n",
        "\r\n\r\nnonsense\r\n\r\n",
    ):
        with send(site, odd.encode("latin-1")) as peer:
            assert not peer.recv(100).startswith(b"HTTP/1.1 5"), odd
    assert site.status("/") == 200
    assert "Traceback" not in site.told()


def test_connections_inherit_the_end_of_their_patience():
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("this system has no TCP_USER_TIMEOUT")
    (listening,) = open_sockets("127.0.0.1", free_port(), 1)
    with listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            patience = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert patience == SEND_TIMEOUT_SECONDS * 1000


@pytest.mark.soak
def test_two_hundred_of_each_take_little_memory_and_are_cut_off(site):
    before = memory_mib(site.process.pid)
    peers = [*slow_senders(site.port, 200), *slow_readers(site.port, 200)]
    time.sleep(2)
    grown = memory_mib(site.process.pid) - before
    end = time.monotonic() + SEND_TIMEOUT_SECONDS + 40
    while time.monotonic() < end:
        for path in PAGES:
            assert site.status(path) == 200

    assert grown < 150  # MiB
    for peer in peers[:200]:
        assert b" 408 " in peer.recv(100)
    for peer in peers[200:]:
        # What had arrived is read to its end; the whole was four times a megabyte.
        assert taken(peer) < 1_000_000
    for peer in peers:
        peer.close()


def test_it_ends_at_once_while_clients_keep_their_connections(site):
    fresh = [send(site, b"") for _ in range(3)]
    half = [send(site, "GET / HTT") for _ in range(3)]
    idle = [Connection(site.port) for _ in range(3)]
    for connection in idle:
        assert connection.get("/").status == 200
    slow = slow_senders(site.port, 12)

    began = time.monotonic()
    assert site.end(signal.SIGTERM) == 0
    # Two seconds on a machine with nothing else to do; the grace would be ten.
    assert time.monotonic() - began < GRACE_SECONDS / 2
    for peer in (*fresh, *half, *slow):
        peer.close()
    assert "Killing" not in site.told()
    site.start()


def taken(peer: socket.socket) -> int:
    peer.settimeout(5)
    total = 0
    with contextlib.suppress(ConnectionResetError):
        while data := peer.recv(65536):
            total += len(data)
    return total
