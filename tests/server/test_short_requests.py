"""Short bodies: forms are read past the loop, in time and within limits."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from typing import Any

from rsvp.server import request_bodies, rsgi, short_requests
from tests.support.for_each import for_each
from tests.support.rsgi import LONGEST, THERE, Echo, Headers, Scope, form_scope

NEVER = 10**9
SOON = 10


class Reading(Future[bytes]):
    """As the server's: the loop would tell of one that is there already, and sleeps."""

    def add_done_callback(self, callback: Any) -> None:
        if not self.done():
            super().add_done_callback(callback)


class Protocol:
    """The server's end of a request whose body comes when the test says so."""

    def __init__(self, arrived: bytes | None = None) -> None:
        self.future = Reading()
        self.answers: list[tuple[int, list[tuple[str, str]]]] = []
        self.finished = 0
        if arrived is not None:
            self.future.set_result(arrived)

    def __call__(self) -> Reading:
        return self.future

    def response_bytes(self, status: int, headers: Any, _body: bytes) -> None:
        self.answers.append((status, headers))

    def response_empty(self, status: int, headers: Any) -> None:
        self.answers.append((status, headers))

    def finish(self) -> None:
        self.finished += 1

    @property
    def status(self) -> int | None:
        return self.answers[0][0] if self.answers else None


class Front:
    """The front with its loop in another thread, as if it slept."""

    def __init__(self, app: Any, **limits: int) -> None:
        limits = {"longest_body": LONGEST, "threads": 1} | limits
        self.front = rsgi.Application(app, **limits)
        self.front.loop_thread = 0
        self.front.slots.start()

    def take(self, scope: Scope, protocol: Protocol) -> bool:
        return self.front.dispatch(scope, protocol, protocol.finish)

    def end(self) -> None:
        """Let all finish what they have begun; nothing is left of any of it."""
        self.front.slots.end()
        for thread in self.front.slots.threads:
            thread.join(SOON)
        assert not self.front.short_bodies.pending
        assert self.front.budget.used == 0
        assert not self.front.budget.by_network
        assert self.front.slots.all_free()


class Where(Echo):
    """Notes the threads it runs in, too."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        self.threads.append(threading.get_ident())
        return super().__call__(environ, start)


@for_each(
    ("headers", "length"),
    [
        ([("content-length", "0")], 0),
        (
            [("content-length", str(short_requests.MAX_SHORT_BYTES))],
            short_requests.MAX_SHORT_BYTES,
        ),
        ([("content-length", str(short_requests.MAX_SHORT_BYTES + 1))], None),
        ([("content-length", "9" * 4000)], None),
        ([("content-length", "-1")], None),
        ([("content-length", "²")], None),
        ([("transfer-encoding", "chunked")], None),
        ([], None),
    ],
)
def test_a_body_is_short_if_it_says_so(headers, length):
    assert short_requests.short_length(Headers(*headers)) == length


@for_each("is_there", [True, False])
def test_a_form_is_answered_by_the_thread_that_brings_it(is_there):
    """There already when it is asked for, or some time later."""
    app = Where()
    front = Front(app)
    protocol = Protocol(b"abc" if is_there else None)

    assert front.take(form_scope(3), protocol)
    if not is_there:
        assert protocol.status is None
        protocol.future.set_result(b"abc")
    assert protocol.status == 200
    assert app.bodies == [b"abc"]
    assert app.threads == [threading.get_ident()]
    assert protocol.finished == 1
    front.end()


def test_what_is_not_short_is_the_loops():
    front = Front(Echo())

    assert not front.take(form_scope(short_requests.MAX_SHORT_BYTES + 1), Protocol())
    assert not front.take(Scope(), Protocol())
    front.end()


def test_the_loop_answers_nothing_by_itself():
    app = Where()
    front, protocol = Front(app), Protocol()
    front.front.loop_thread = threading.get_ident()
    front.take(form_scope(3), protocol)
    protocol.future.set_result(b"abc")
    front.end()

    assert protocol.status == 200
    assert threading.get_ident() not in app.threads


def test_a_client_that_goes_leaves_nothing():
    app = Echo()
    front, protocol = Front(app), Protocol()
    front.take(form_scope(3), protocol)
    protocol.future.set_exception(ConnectionError())
    front.end()

    assert protocol.status == 400
    assert app.bodies == []
    assert protocol.finished == 1


@for_each(
    ("refuse", "status"),
    [
        (lambda short: short.refuse_late(time.monotonic() + NEVER), 408),
        (lambda short: short.refuse_all(), 503),
    ],
)
def test_a_form_that_is_late_is_refused_once(refuse, status):
    app = Echo()
    front, protocol = Front(app), Protocol()
    front.take(form_scope(3), protocol)
    front.front.short_bodies.refuse_late(time.monotonic())
    assert protocol.status is None

    refuse(front.front.short_bodies)
    assert protocol.status == status
    assert ("connection", "close") in protocol.answers[0][1]
    # Cancelled, so that the server reads no more of it.
    assert protocol.future.cancelled()
    refuse(front.front.short_bodies)
    front.end()
    assert len(protocol.answers) == 1
    assert app.bodies == []


def test_one_that_comes_as_it_is_refused_is_answered_once():
    """The server had it, and was about to say so."""
    front, protocol = Front(Echo()), Protocol()
    front.take(form_scope(3), protocol)
    (arrival,) = front.front.short_bodies.pending
    front.front.short_bodies.refuse_all()
    arrival(protocol.future)
    front.end()

    assert [status for status, _ in protocol.answers] == [503]


def test_whoever_comes_when_the_site_stops_is_refused():
    front, protocol = Front(Echo()), Protocol()
    front.front.is_stopping = True

    assert front.take(form_scope(3), protocol)
    assert protocol.status == 503
    front.end()


def test_forms_have_their_share_of_memory():
    """A quarter of 80 bytes for one network; what is declared counts at once."""
    front = Front(Echo(), budget=80, longest_body=20)
    first, second, other = Protocol(), Protocol(b"x" * 20), Protocol(b"y" * 20)
    front.take(form_scope(20), first)
    front.take(form_scope(20), second)
    front.take(form_scope(20, THERE), other)
    assert (second.status, other.status) == (503, 200)

    first.future.set_result(b"x" * 20)
    again = Protocol(b"x" * 20)
    front.take(form_scope(20), again)
    assert (first.status, again.status) == (200, 200)
    front.end()


def test_nobody_is_late_while_every_thread_is_taken(monkeypatch):
    """What has arrived then waits for us: the server can't say so."""
    monkeypatch.setattr(request_bodies, "BODY_SECONDS", 0.0)
    began, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start: Any) -> Any:
        if environ["REQUEST_METHOD"] == "GET":
            began.set()
            assert go_on.wait(SOON)
        start(f"{environ.get('rsvp.refused', 200)} So", [])
        return [b""]

    front, protocol = Front(app), Protocol()
    front.front.loop = asyncio.new_event_loop()
    other = threading.Thread(target=front.take, args=(Scope("GET"), Protocol()))
    other.start()
    assert began.wait(SOON)
    front.take(form_scope(3), protocol)
    front.front.refuse_late()
    assert front.front.short_bodies.pending

    go_on.set()
    other.join(SOON)
    front.front.short_bodies.extend_deadlines(-60)
    front.front.refuse_late()
    front.front.loop.close()
    front.end()
    assert protocol.status == 408


def test_the_loop_makes_all_other_calls_as_ever():
    front, protocol, made = Front(Echo()), Protocol(), []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        short_requests.bypass_loop(loop)
        called = asyncio.Event()

        def call(name: str) -> None:
            made.append(name)
            called.set()

        front.take(form_scope(3), protocol)
        (arrival,) = front.front.short_bodies.pending
        protocol.future = Reading()
        protocol.future.set_result(b"abc")
        arrival.future = protocol.future
        await asyncio.to_thread(loop.call_soon_threadsafe, arrival, protocol.future)
        # Answered before anything was awaited here.
        made.append(str(protocol.status))
        await asyncio.to_thread(loop.call_soon_threadsafe, call, "by the loop")
        await called.wait()

    asyncio.run(run())
    front.end()
    assert made == ["200", "by the loop"]
