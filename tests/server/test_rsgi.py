"""RSGI: bodies are read in time and within limits before a thread is taken."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Iterable
from typing import Any

import pytest

from rsvp import networks
from rsvp.server import environ as environ_keys
from rsvp.server import request_bodies, response_spool, rsgi
from tests.support.for_each import for_each
from tests.support.rsgi import HERE, LONGEST, THERE, Echo, Headers, Scope, form_scope

SOMEBODY = "somebody@example.org"


class Protocol:
    """The server's end of one request: gives pieces, takes one answer.

    A piece that is a number is a wait for so many seconds. The end of a body is an
    empty piece, and so is an error, with the end after it.
    """

    def __init__(self, *pieces: bytes | float, breaks: bool = False) -> None:
        self.pieces = [*pieces, b"", *([b""] if breaks else [])]
        self.answers: list[tuple[int, list[tuple[str, str]], bytes]] = []

    async def __aiter__(self) -> Any:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                await asyncio.sleep(piece)

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        self.answers.append((status, headers, body))

    def response_empty(self, status: int, headers: Any) -> None:
        self.answers.append((status, headers, b""))

    def response_str(self, status: int, headers: Any, body: str) -> None:
        self.answers.append((status, headers, body.encode()))

    def response_file(self, status: int, headers: Any, path: str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123 - as the server opens it
            self.answers.append((status, headers, file.read()))

    @property
    def status(self) -> int:
        ((status, _, _),) = self.answers
        return status


def serve(app: Any, *requests: tuple[Scope, Protocol], **limits: int) -> Any:
    """Give all of them to the front at once and wait until each is answered."""
    limits = {"longest_body": LONGEST, "threads": 1} | limits
    front = rsgi.Application(app, **limits)

    async def run() -> None:
        front.__rsgi_init__(asyncio.get_running_loop())
        await asyncio.gather(*(front.__rsgi__(*each) for each in requests))
        front.__rsgi_del__(front.loop)

    asyncio.run(run())
    assert front.budget.used == 0
    assert not front.budget.by_network
    return front


CHUNKED = Scope(headers=Headers(("transfer-encoding", "chunked")))


@for_each(
    ("scope", "protocol", "body"),
    [
        (form_scope(b"ab"), Protocol(b"a", b"b"), b"ab"),
        (CHUNKED, Protocol(b"a", 0.01, b"b"), b"ab"),
        (form_scope(b""), Protocol(), b""),
        (Scope(), Protocol(), b""),
        (form_scope(LONGEST), Protocol(b"x" * LONGEST), b"x" * LONGEST),
        # What a GET brings along means nothing, and is not waited for.
        (form_scope(50, method="GET"), Protocol(60.0), b""),
    ],
)
def test_a_body_reaches_the_application_whole(scope, protocol, body):
    app = Echo()
    serve(app, (scope, protocol))

    assert protocol.status == 200
    assert app.bodies == [body]


@for_each(
    ("scope", "protocol", "status"),
    [
        (form_scope(LONGEST + 1), Protocol(60.0), 413),
        (CHUNKED, Protocol(b"x" * 60, b"x" * 60, 60.0), 413),
        (form_scope(3), Protocol(b"a", 60.0), 408),
        (form_scope(50), Protocol(*[b"a", 0.03] * 50), 408),
        (CHUNKED, Protocol(b"a", 60.0), 408),
    ],
)
def test_a_body_too_long_or_too_slow_is_refused_without_a_thread(
    monkeypatch, scope, protocol, status
):
    monkeypatch.setattr(request_bodies, "BODY_SECONDS", 0.1)
    app = Echo()
    serve(app, (scope, protocol))

    assert protocol.status == status
    assert ("connection", "close") in protocol.answers[0][1]
    assert app.bodies == []


@for_each(
    ("scope", "protocol"),
    [
        (form_scope(9), Protocol(b"abc")),
        (form_scope(9), Protocol(b"abc", breaks=True)),
        (CHUNKED, Protocol(b"abc", breaks=True)),
    ],
)
def test_half_a_body_never_reaches_the_application(scope, protocol):
    app = Echo()
    serve(app, (scope, protocol))

    assert app.bodies == []
    assert protocol.status == 400


def test_a_long_body_may_take_longer_while_it_is_fast_enough(monkeypatch):
    monkeypatch.setattr(request_bodies, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(request_bodies, "MIN_BYTES_PER_SECOND", 100)
    # 50 bytes in 0.05 s are good for half a second.
    protocol = Protocol(*[b"x" * 25, 0.02] * 2, 0.2, b"x" * 10)
    app = Echo()
    serve(app, (form_scope(60), protocol))

    assert protocol.status == 200
    assert app.bodies == [b"x" * 60]


def test_one_network_takes_its_share_of_memory_and_no_more():
    """A quarter of 80 bytes: the second of one network finds no room, others do."""
    first = form_scope(20), Protocol(b"x" * 20, 0.1)
    second = form_scope(20), Protocol(0.02, b"x" * 20)
    other = form_scope(20, THERE), Protocol(0.02, b"y" * 20)
    app = Echo()
    serve(app, first, second, other, budget=80, longest_body=20)

    assert [each[1].status for each in (first, second, other)] == [200, 503, 200]


def test_all_networks_together_have_a_limit():
    slow = [
        (form_scope(20, f"192.0.2.{n}"), Protocol(b"x" * 20, 0.1)) for n in range(4)
    ]
    late = form_scope(1, THERE), Protocol(0.02, b"y")
    serve(Echo(), *slow, late, budget=80, longest_body=20)

    assert [each[1].status for each in (*slow, late)] == [200] * 4 + [503]


def test_the_longest_body_finds_room_by_itself():
    protocol, app = Protocol(b"x" * LONGEST), Echo()
    serve(app, (form_scope(LONGEST), protocol), budget=10)

    assert protocol.status == 200


def test_a_household_is_one_network_and_proxies_tell_of_it():
    scope = form_scope(1, "[2001:db8::1]")
    behind = Scope(headers=Headers(("x-forwarded-for", f"{THERE}, {HERE}")))

    assert networks.network_of(rsgi.client_address(scope, 0)) == "2001:db8::/64"
    assert rsgi.client_address(behind, 0) == HERE
    assert rsgi.client_address(behind, 1) == HERE
    assert rsgi.client_address(behind, 2) == THERE
    assert rsgi.client_address(behind, 3) == HERE
    assert rsgi.client_address(scope, 1) == "2001:db8::1"


def test_when_the_site_stops_no_body_is_waited_for(monkeypatch):
    protocol, app = Protocol(b"a", 60.0), Echo()
    front = rsgi.Application(app, threads=1, longest_body=LONGEST)

    async def run() -> None:
        front.__rsgi_init__(asyncio.get_running_loop())
        under_way = asyncio.create_task(front.__rsgi__(form_scope(9), protocol))
        await asyncio.sleep(0.02)
        monkeypatch.setattr(front, "end_when_idle", lambda: None)
        front.stop_reading()
        await under_way
        late = Protocol(b"a", 60.0)
        await front.__rsgi__(form_scope(9), late)
        assert late.status == 503
        front.__rsgi_del__(front.loop)

    asyncio.run(run())
    assert protocol.status == 503
    assert app.bodies == []


def test_an_answer_that_waits_for_its_time_keeps_no_thread():
    """Of ten that go out after a fifth of a second, with one thread, none waits for
    another."""
    began = time.monotonic()

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ[environ_keys.NOT_BEFORE](began + 0.2)
        start("200 OK", [])
        return [str(time.monotonic() - began).encode()]

    protocols = [Protocol() for _ in range(10)]
    serve(app, *((Scope("GET"), each) for each in protocols))

    assert time.monotonic() - began >= 0.2
    assert all(float(each.answers[0][2]) < 0.2 for each in protocols)


# --- the environ --------------------------------------------------------------------


def environ(*headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    scope = Scope(headers=Headers(*headers), **more)
    return rsgi.Request(scope, None, lambda: None).environ()


def test_the_environ_is_what_pep_3333_says():
    made = environ(
        ("host", "rsvp.example.org"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-for", "192.0.2.10"),
        # Would pass for the one above.
        ("x_forwarded_for", "203.0.113.1"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        path="/café",
        client="[::1]:9",
    )

    assert made["PATH_INFO"] == "/cafÃ©"
    assert made["REMOTE_ADDR"] == "::1"
    assert made["HTTP_HOST"] == "rsvp.example.org"
    assert made["HTTP_COOKIE"] == "a=1; b=2"
    assert made["HTTP_X_FORWARDED_FOR"] == "192.0.2.9, 192.0.2.10"
    assert not {"CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"} & made.keys()
    # None of the process's own environment, as in CGI.
    assert not made.keys() & os.environ.keys()


# --- long answers -------------------------------------------------------------------


def in_pieces(size: int, number: int) -> Any:
    def app(environ: Any, start: Any) -> Iterable[bytes]:
        if status := environ.get(environ_keys.REFUSED):
            start(f"{status} Refused", [])
            return [b"refused"]
        start("200 OK", [("content-length", "1"), ("content-type", "text/csv")])
        return (bytes([n]) * size for n in range(number))

    return app


def answered(app: Any) -> tuple[int, dict[str, str], bytes]:
    protocol = Protocol()
    serve(app, (Scope("GET"), protocol))
    ((status, headers, body),) = protocol.answers
    return status, dict(headers), body


def test_a_long_answer_waits_for_its_reader_outside_of_memory():
    status, headers, body = answered(in_pieces(100_000, 9))

    assert status == 200
    assert body == b"".join(bytes([n]) * 100_000 for n in range(9))
    assert headers["content-length"] == "900000"


def test_an_answer_in_one_piece_is_written_once(monkeypatch):
    content = b"x" * 300_000
    written = []
    add = response_spool.SpooledResponse.add
    monkeypatch.setattr(
        response_spool.SpooledResponse,
        "add",
        lambda one, piece: written.append(piece) or add(one, piece),
    )

    def app(_environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [content]

    protocols = [Protocol() for _ in range(response_spool.MAX_CACHED_RESPONSES + 2)]
    serve(app, *((Scope("GET"), each) for each in protocols))

    assert {each.answers[0][2] for each in protocols} == {content}
    assert written == [content]


def test_few_answers_are_kept_and_each_is_right():
    contents = [
        bytes([n]) * 300_000 for n in range(response_spool.MAX_CACHED_RESPONSES + 2)
    ]

    def app(environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [contents[int(environ["QUERY_STRING"])]]

    asked = [*range(len(contents)), 0, *range(len(contents))]
    protocols = [Protocol() for _ in asked]
    front = serve(
        app,
        *(
            (Scope("GET", query_string=str(n)), each)
            for n, each in zip(asked, protocols, strict=True)
        ),
    )

    assert [each.answers[0][2] for each in protocols] == [contents[n] for n in asked]
    assert len(front.spool_cache.responses) == response_spool.MAX_CACHED_RESPONSES


@pytest.fixture
def no_room_on_the_disk():
    """Files end at 350,000 bytes for this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (350_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_room_on_the_disk_a_long_answer_stays_in_memory(no_room_on_the_disk):
    status, headers, body = answered(in_pieces(100_000, 9))

    assert status == 200
    assert body == b"".join(bytes([n]) * 100_000 for n in range(9))
    assert headers["content-length"] == "900000"


def test_without_room_anywhere_it_is_a_503(no_room_on_the_disk, monkeypatch):
    monkeypatch.setattr(response_spool, "MAX_MEMORY_BYTES", 500_000)
    status, _, body = answered(in_pieces(100_000, 9))

    assert status == 503
    assert body == b"refused"


def test_an_application_that_breaks_is_told_in_the_log_and_answers_go_on(caplog):
    def broken(_environ: Any, _start: Any) -> Iterable[bytes]:
        raise ZeroDivisionError(SOMEBODY)

    front = serve(broken, (Scope("GET"), Protocol()), (Scope("GET"), Protocol()))

    front.slots.end()
    for thread in front.slots.threads:
        thread.join(10)
    assert front.slots.all_free()
    assert caplog.text.count("failed: ZeroDivisionError") == 2
    assert SOMEBODY not in caplog.text
