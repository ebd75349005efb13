"""Load clients: keep-alive connections that cost little beside the server they ask."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit
from uuid import uuid4


class Connection:
    """One HTTP/1.1 connection, opened when needed and kept."""

    def __init__(self, port: int, patience: float = 60) -> None:
        self.port, self.patience = port, patience
        self.socket: socket.socket | None = None

    def get(self, path: str, headers: str = "") -> Answer:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        body = urlencode(fields)
        return self.ask(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def ask(self, request: str) -> Answer:
        if self.socket is None:
            self.socket = socket.create_connection(
                ("127.0.0.1", self.port), timeout=self.patience
            )
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request.encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        headers = head.decode("latin-1")
        length = re.search(r"\r\ncontent-length: (\d+)", headers, re.IGNORECASE)
        if length:
            while len(body) < int(length[1]):
                body += self.receive()
        elif "chunked" in headers.lower():
            while not body.endswith(b"0\r\n\r\n"):
                body += self.receive()
        location = re.search(r"\r\nlocation: (\S+)", headers, re.IGNORECASE)
        if re.search(r"\r\nconnection: close", headers, re.IGNORECASE):
            self.close()
        return Answer(
            int(headers[9:12]), body, urlsplit(location[1]).path if location else None
        )

    def receive(self) -> bytes:
        assert self.socket is not None
        if data := self.socket.recv(65536):
            return data
        raise ConnectionError("the server closed the connection")

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


@dataclass
class Answer:
    status: int
    body: bytes
    location: str | None


@dataclass
class Timing:
    """What a run took: per-visit latencies in seconds, and the whole in seconds."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failures: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        at = min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))
        return ordered[at] * 1000

    def figures(self) -> dict[str, float]:
        return {
            "per_second": round(self.per_second, 1),
            **{f"p{p}_ms": round(self.percentile(p), 2) for p in (50, 95, 99)},
            "count": len(self.latencies),
            "failures": self.failures,
        }


Visit = Callable[[Connection], bool]
"""Does one visit and says whether it went as it should."""


def load(port: int, visit: Visit, clients: int, seconds: float) -> Timing:
    """That many clients repeat the visit for that long, each on its own connection."""
    timing, lock = Timing(), threading.Lock()
    ready = threading.Barrier(clients + 1)
    end = [0.0]

    def client() -> None:
        connection = Connection(port)
        latencies, failures = [], 0
        ready.wait()
        while (begin := time.perf_counter()) < end[0]:
            failures += not visit(connection)
            latencies.append(time.perf_counter() - begin)
        connection.close()
        with lock:
            timing.latencies += latencies
            timing.failures += failures

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    begin = time.perf_counter()
    end[0] = begin + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    timing.seconds = time.perf_counter() - begin
    return timing


def median(timings: list[Timing]) -> Timing:
    """The run in the middle by its speed."""
    middle = statistics.median_low([t.per_second for t in timings])
    return next(t for t in timings if t.per_second == middle)


# --- visits -------------------------------------------------------------------------


def page(path: str) -> Visit:
    return lambda connection: connection.get(path).status == 200


def form_token(body: bytes) -> str:
    """The signed hour in an event page's form."""
    found = re.search(rb'name="form_token"[^>]*value="([^"]+)"', body)
    found = found or re.search(rb'value="([^"]+)"[^>]*name="form_token"', body)
    assert found, "the page has no form"
    return found[1].decode()


def fields(token: str, admission: str) -> dict[str, str]:
    """A form filled by somebody new."""
    someone = uuid4().hex
    return {
        "name": "Ada Example",
        "email": f"{someone}@example.org",
        "admission": admission,
        "party": "1",
        "submission": str(uuid4()),
        "form_token": token,
    }


def post(slug: str, admission: str, token: str) -> Visit:
    def visit(connection: Connection) -> bool:
        path = f"/events/{slug}/registrations"
        return connection.post(path, fields(token, admission)).status == 303

    return visit


def whole_visit(slug: str, admission: str) -> Visit:
    """The event's page, the form, the ticket."""

    def visit(connection: Connection) -> bool:
        token = form_token(connection.get(f"/events/{slug}").body)
        path = f"/events/{slug}/registrations"
        answer = connection.post(path, fields(token, admission))
        if answer.status != 303 or answer.location is None:
            return False
        return connection.get(answer.location).status == 200

    return visit
