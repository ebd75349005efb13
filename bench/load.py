"""Load: clients that repeat a visit, each on its own connection, and its times."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.http_client import Connection, form_fields, form_token


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


def run_clients(port: int, visit: Visit, clients: int, seconds: float) -> Timing:
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


def median_timing(timings: list[Timing]) -> Timing:
    """The run in the middle by its speed."""
    middle = statistics.median_low([t.per_second for t in timings])
    return next(t for t in timings if t.per_second == middle)


# --- visits -------------------------------------------------------------------------


def get_page(path: str) -> Visit:
    return lambda connection: connection.get(path).status == 200


def submit_form(slug: str, admission: str, token: str) -> Visit:
    def visit(connection: Connection) -> bool:
        path = f"/events/{slug}/registrations"
        return connection.post(path, form_fields(token, admission)).status == 303

    return visit


def register_and_look(slug: str, admission: str) -> Visit:
    """The event's page, the form, the ticket."""

    def visit(connection: Connection) -> bool:
        token = form_token(connection.get(f"/events/{slug}").body)
        path = f"/events/{slug}/registrations"
        answer = connection.post(path, form_fields(token, admission))
        if answer.status != 303 or answer.location is None:
            return False
        return connection.get(answer.location).status == 200

    return visit
