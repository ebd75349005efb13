"""RSGI application: connects the server's event loop to the WSGI application.

A request's body is read with a deadline and limits on memory, and only then does a
thread run the application. So whoever sends or reads slowly costs a connection, and no
thread: pages go on being answered. Requests without a body and forms never see the
loop: the server's own threads bring them and run them (`Application.dispatch`).

Source of the interface: Granian's RSGI specification 1.5; PEP 3333 for the environ.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from rsvp.networks import network_of
from rsvp.server import environ as environ_keys
from rsvp.server import request_bodies, short_requests
from rsvp.server.request_bodies import (
    BodyRefused,
    ClientDisconnected,
    MemoryBudget,
    RequestBody,
)
from rsvp.server.request_slots import RequestSlots
from rsvp.server.response_spool import SpoolCache, SpooledResponse
from rsvp.server.short_requests import ShortBodies

log = logging.getLogger("rsvp.serve")

MAX_MEMORY_BYTES = 256 * 1024
"""Bytes of an answer that wait in memory for their reader; a longer one waits in a
file without a name."""
SPOOL_OPEN_SECONDS = 120
"""When a file without a name is let go: by then the server has long opened it. It is
asked for by its number, which another file may have afterwards."""

IDLE_EXIT_SECONDS = 1.0
"""How long after it is told to stop a process ends if nothing is under way."""
IDLE_CHECK_SECONDS = 0.1
LATE_CHECK_SECONDS = 0.5
"""How often somebody looks for forms that are late."""

STOP_READING_SIGNAL = signal.SIGUSR1
"""Tells a web process that the site stops."""

Headers = list[tuple[str, str]]


class Application:
    """A WSGI application as an RSGI one; `threads` requests are run at a time.

    `longest_body` is in bytes; `proxies` is how many proxies in front are trusted to
    say who the client is; `budget` is this process's share of
    request_bodies.MAX_BYTES_IN_MEMORY.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        threads: int,
        longest_body: int,
        proxies: int = 0,
        budget: int = request_bodies.MAX_BYTES_IN_MEMORY,
    ) -> None:
        self.app = app
        self.longest_body = longest_body
        self.proxies = proxies
        self.budget = MemoryBudget(budget, longest_body)
        self.slots = RequestSlots(threads, self.work)
        self.body_deadlines: set[asyncio.Timeout] = set()
        self.short_bodies = ShortBodies(self.budget, self.ready)
        self.spooled_responses: set[SpooledResponse] = set()
        self.spool_cache = SpoolCache()
        self.is_stopping = False
        self.loop: asyncio.AbstractEventLoop

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.loop_thread = threading.get_ident()
        loop.add_signal_handler(STOP_READING_SIGNAL, self.stop_reading)
        short_requests.bypass_loop(loop)
        self.slots.start()
        loop.call_later(LATE_CHECK_SECONDS, self.refuse_late)

    def stop_reading(self) -> None:
        """Refuse all bodies that are still being received: the site stops."""
        self.is_stopping = True
        self.short_bodies.refuse_all()
        for deadline in self.open_deadlines():
            deadline.reschedule(self.loop.time())
        self.loop.call_later(IDLE_EXIT_SECONDS, self.end_when_idle)

    def open_deadlines(self) -> list[asyncio.Timeout]:
        """Return the deadlines of the bodies that the loop reads, without those just
        over: they can't be moved any more."""
        return [deadline for deadline in self.body_deadlines if not deadline.expired()]

    def refuse_late(self) -> None:
        """Refuse bodies that are late. While every thread is busy none is: what has
        arrived waits for us."""
        self.loop.call_later(LATE_CHECK_SECONDS, self.refuse_late)
        if self.slots.all_taken():
            self.short_bodies.extend_deadlines(LATE_CHECK_SECONDS)
            for deadline in self.open_deadlines():
                end = deadline.when() or self.loop.time()
                deadline.reschedule(end + LATE_CHECK_SECONDS)
        else:
            self.short_bodies.refuse_late(time.monotonic())

    def end_when_idle(self, *, was_idle: bool = False) -> None:
        """End the process once nothing is under way. The server itself would wait for
        each client that has sent half of a request's head, until it is killed."""
        is_idle = self.slots.all_free() and not (
            self.body_deadlines
            or self.short_bodies.pending
            or any(response.is_being_read() for response in self.spooled_responses)
        )
        # Twice, since between the server and a thread a request is seen in neither.
        if is_idle and was_idle:
            os._exit(0)
        again = partial(self.end_when_idle, was_idle=is_idle)
        self.loop.call_later(IDLE_CHECK_SECONDS, again)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.slots.end()

    def dispatch(self, scope: Any, protocol: Any, finish: Callable[[], Any]) -> bool:
        """Answer a request in this thread, one of the server's own, or have the thread
        that brings its body answer it: past the loop, which costs twice the time of a
        page. `finish` is called when it is answered. False: it is the loop's."""
        if scope.proto != "http":
            return False
        request = Request(scope, protocol, finish)
        if scope.method in BODILESS_METHODS:
            self.slots.run(request)
            return True
        length = short_requests.short_length(scope.headers)
        if length is None:
            return False
        try:
            if self.is_stopping:
                raise BodyRefused(request_bodies.UNAVAILABLE)
            self.short_bodies.read(
                request, length, network_of(client_address(scope, self.proxies))
            )
        except BodyRefused as refused:
            request.refused = refused.status
            self.slots.run(request)
        return True

    def ready(self, request: Request) -> None:
        """Its body has been read, or refused."""
        if threading.get_ident() == self.loop_thread:
            self.slots.run_in_thread(request)
        else:
            self.slots.run(request)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(404)
            return
        answered = self.loop.create_future()
        finish = partial(self.loop.call_soon_threadsafe, mark_done, answered)
        request = Request(scope, protocol, finish)
        if scope.method in BODILESS_METHODS:
            self.slots.run_in_thread(request)
            await answered
            return
        network = network_of(client_address(scope, self.proxies))
        body = RequestBody(
            protocol, scope.headers, self.longest_body, self.budget, network
        )
        try:
            try:
                request.body = await self.read_body(body)
            except BodyRefused as refused:
                body.release()
                request.refused = refused.status
            except ClientDisconnected:
                protocol.response_empty(400, [])
                return
            self.slots.run_in_thread(request)
            await answered
        finally:
            body.release()

    async def read_body(self, body: RequestBody) -> bytes:
        """Read the body in time. Raises BodyRefused or ClientDisconnected."""
        if self.is_stopping:
            raise BodyRefused(request_bodies.UNAVAILABLE)
        deadline = asyncio.timeout(request_bodies.BODY_SECONDS)
        self.body_deadlines.add(deadline)
        try:
            async with deadline:
                return await body.read(deadline)
        except TimeoutError:
            status = (
                request_bodies.UNAVAILABLE
                if self.is_stopping
                else request_bodies.REQUEST_TIMEOUT
            )
            raise BodyRefused(status) from None
        finally:
            self.body_deadlines.discard(deadline)

    # --- in each thread ---

    def work(self, request: Request) -> None:
        try:
            self.answer(request)
        except BaseException as error:
            # Whatever it is: the thread goes on, and the server answers 500. What the
            # error says is left out, since it may quote somebody's data.
            frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
            what = type(error).__name__
            log.error("an answer failed: %s\n%s", what, "".join(frames))
        with contextlib.suppress(RuntimeError):  # the loop has ended
            request.finish()

    def answer(self, request: Request) -> None:
        environ = request.environ()
        response_start: list[tuple[int, Headers]] = []
        written: list[bytes] = []

        def start_response(status: str, headers: Headers, *_: Any) -> Any:
            response_start[:] = [(int(status[:3]), headers)]
            return written.append

        answer = self.app(environ, start_response)
        is_simple = not (written or request.refused or request.not_before)
        if is_simple and type(answer) is list and len(answer) == 1:
            # As kept pages are: with nothing to close, and nothing to wait for.
            (content,) = answer
            if len(content) < MAX_MEMORY_BYTES:
                request.protocol.response_bytes(*response_start[0], content)
                return
        try:
            pieces = iter(answer)
            first = b"".join([*written, *read_up_to(pieces, MAX_MEMORY_BYTES)])
            status, headers = response_start[0]
            if request.refused:
                headers = [*headers, ("connection", "close")]
            if len(first) < MAX_MEMORY_BYTES:
                answer_now = request.protocol.response_bytes
                self.answer_delayed(
                    request, partial(answer_now, status, headers, first)
                )
            else:
                self.answer_spooled(request, status, headers, first, pieces)
        finally:
            if close := getattr(answer, "close", None):
                close()

    def answer_delayed(self, request: Request, answer_now: Callable[[], None]) -> None:
        """Send the answer, but not before the application wants it; the loop waits for
        that."""
        wait = request.not_before - time.monotonic()
        if wait <= 0:
            answer_now()
            return
        finish, request.finish = request.finish, do_nothing

        def then() -> None:
            answer_now()
            finish()

        self.loop.call_soon_threadsafe(self.loop.call_later, wait, then)

    def answer_spooled(
        self,
        request: Request,
        status: int,
        headers: Headers,
        first: bytes,
        pieces: Iterator[bytes],
    ) -> None:
        """Spool the answer at the application's pace; the server sends it from there at
        the client's. No thread and no connection to the database waits for a slow
        reader."""
        more = next(pieces, None)
        spooled = self.spool_cache.get(first) if more is None else None
        if spooled is not None:
            self.send_spooled(spooled, request, status, headers)
            return
        spooled = SpooledResponse()
        try:
            spooled.add(first)
            if more is not None:
                spooled.add(more)
            for piece in pieces:
                spooled.add(piece)
        except OSError as error:
            spooled.close()
            log.error("no room for an answer of %d bytes: %s", spooled.size, error)
            if request.refused:
                raise
            request.refused = request_bodies.UNAVAILABLE
            self.answer(request)
            return
        if more is None and spooled.file is not None:
            spooled = self.spool_cache.put(first, spooled)
        self.send_spooled(spooled, request, status, headers)

    def send_spooled(
        self, spooled: SpooledResponse, request: Request, status: int, headers: Headers
    ) -> None:
        headers = [
            header for header in headers if header[0].lower() != "content-length"
        ]
        headers.append(("content-length", str(spooled.size)))
        if spooled.file is None:
            request.protocol.response_bytes(status, headers, b"".join(spooled.pieces))
            return
        path = f"/dev/fd/{spooled.file.fileno()}"
        spooled.used_at = time.monotonic()
        self.loop.call_soon_threadsafe(self.close_later, spooled)
        request.protocol.response_file(status, headers, path)

    def close_later(self, spooled: SpooledResponse) -> None:
        """Close the spooled file once the server has opened it: what it has open stays
        there."""

        def close_if_old() -> None:
            is_old = time.monotonic() >= spooled.used_at + SPOOL_OPEN_SECONDS
            if is_old and not self.spool_cache.has(spooled):
                self.spooled_responses.discard(spooled)
                spooled.close()

        self.spooled_responses.add(spooled)
        self.loop.call_later(SPOOL_OPEN_SECONDS, close_if_old)


class Request:
    """A request on its way through the threads; `finish` tells that it is answered."""

    __slots__ = ("body", "finish", "not_before", "protocol", "refused", "scope")

    def __init__(self, scope: Any, protocol: Any, finish: Callable[[], Any]) -> None:
        self.scope = scope
        self.protocol = protocol
        self.finish = finish
        self.body: bytes | None = None
        self.refused = 0
        self.not_before = 0.0

    def answer_not_before(self, instant: float) -> None:
        self.not_before = instant

    def environ(self) -> dict[str, Any]:
        """Return the environ of PEP 3333. Headers with `_` in their names are left out:
        they would pass for those with `-`, which proxies vouch for."""
        scope = self.scope
        environ: dict[str, Any] = {
            **CONSTANT_ENVIRON,
            **server_environ(scope.server),
            "REQUEST_METHOD": scope.method,
            "PATH_INFO": scope.path.encode().decode("latin-1"),
            "QUERY_STRING": scope.query_string,
            "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
            "REMOTE_ADDR": host_part(scope.client),
            "wsgi.url_scheme": scope.scheme,
            "wsgi.input": io.BytesIO(self.body or b""),
            environ_keys.NOT_BEFORE: self.answer_not_before,
        }
        headers = scope.headers
        for name, value in headers.items():
            key = USUAL_ENVIRON_KEYS.get(name) or environ_key(name)
            if key is None:
                continue
            if key in environ:
                separator = "; " if name == "cookie" else ", "
                value = f"{environ[key]}{separator}{value}"
            environ[key] = value
        if self.body is not None:
            # What was read, however it was sent.
            environ["CONTENT_LENGTH"] = str(len(self.body))
            if kind := headers.get("content-type"):
                environ["CONTENT_TYPE"] = kind
        if self.refused:
            environ[environ_keys.REFUSED] = self.refused
        return environ


BODILESS_METHODS = ("GET", "HEAD")
"""Methods whose body, if there is one, means nothing (RFC 9110) and is not read."""
BODY_HEADERS = ("content-type", "content-length", "transfer-encoding")
CONSTANT_ENVIRON = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.input_terminated": True,
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


@functools.lru_cache(16)
def server_environ(address: str) -> dict[str, str]:
    server, _, port = address.rpartition(":")
    return {"SERVER_NAME": server, "SERVER_PORT": port}


def environ_key(header: str) -> str | None:
    """Return a header's key in the environ, or None where it has none."""
    if header in BODY_HEADERS or "_" in header:
        return None
    return "HTTP_" + header.upper().replace("-", "_")


USUAL_ENVIRON_KEYS = {
    name: environ_key(name)
    for name in (
        "host",
        "user-agent",
        "accept",
        "accept-language",
        "accept-encoding",
        "cookie",
        "referer",
        "origin",
        "if-none-match",
        "connection",
        "sec-fetch-site",
        "sec-fetch-mode",
        "sec-fetch-dest",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "cache-control",
    )
}
"""Of the usual headers, so that most need no working out."""


def read_up_to(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the next pieces, until they are `size` bytes or more."""
    while size > 0 and (piece := next(pieces, None)) is not None:
        size -= len(piece)
        yield piece


def do_nothing() -> None:
    """Do nothing: a `finish` for requests that another finishes."""


def mark_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def host_part(address: str) -> str:
    """Return the host of `127.0.0.1:80` or `[::1]:80`."""
    return address.rpartition(":")[0].strip("[]")


def client_address(scope: Any, proxies: int) -> str:
    """Return the client's address, as so many trusted proxies in front tell it."""
    if proxies and (forwarded := ",".join(scope.headers.get_all("x-forwarded-for"))):
        addresses = [address.strip() for address in forwarded.split(",")]
        if len(addresses) >= proxies:
            return addresses[-proxies]
    return host_part(scope.client)
