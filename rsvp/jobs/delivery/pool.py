"""Sender pool: several SMTP connections at once, each in its thread.

Each sender is a thread with its own SMTP connection and its own sessions of the
database. To one domain only one of them sends at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol

from flask import Flask, current_app

from rsvp.jobs.delivery.claims import CLAIM_SIZE, claim_due, is_anything_due, release
from rsvp.jobs.delivery.sender import Delivery, DeliveryReport

IDLE_POLL_SECONDS = 1.0
"""Seconds after which a sender without work looks again while others still send."""
WATCH_SECONDS = 0.25


def deliver_due(
    now: datetime,
    limit: int | None = None,
    *,
    stop: StopSignal | None = None,
    connections: int | None = None,
) -> DeliveryReport:
    """Send up to `limit` messages that are due at `now` (None: all of them), over as
    many `connections` as the setting says; with a limit over one.

    Without a mail server nothing is sent. Must not be called inside `writing()`.
    """
    report = DeliveryReport()
    if not current_app.config["MAIL_SERVER"]:
        return report
    connection_count = connections or current_app.config["MAIL_CONNECTIONS"]
    is_stopped = stop.is_set if stop is not None else never_stopped
    if limit is None and connection_count > 1:
        return (
            SenderPool(now, connection_count, is_stopped).run()
            if is_anything_due(now)
            else report
        )
    with Delivery(now, report, is_stopped) as delivery:
        while limit is None or report.tried < limit:
            batch_limit = (
                CLAIM_SIZE if limit is None else min(CLAIM_SIZE, limit - report.tried)
            )
            claims = claim_due(delivery.now(), batch_limit)
            if not claims or not delivery.send_all(claims):
                break
    return report


class StopSignal(Protocol):
    """Something that says when to stop, as an Event does."""

    def is_set(self) -> bool: ...


def never_stopped() -> bool:
    return False


class SenderPool:
    """Threads that send until nothing is due, or there is reason to stop."""

    def __init__(
        self, now: datetime, number: int, is_stopped: Callable[[], bool]
    ) -> None:
        self.app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self.is_stopped = is_stopped
        self.ended = threading.Event()
        self.wakeup = threading.Condition()
        self.idle = 0
        self.errors: list[Exception] = []
        begun = time.monotonic()
        self.deliveries = [
            Delivery(now, DeliveryReport(), self.is_over, begun) for _ in range(number)
        ]

    def is_over(self) -> bool:
        return self.ended.is_set() or self.is_stopped()

    def run(self) -> DeliveryReport:
        threads = [
            threading.Thread(target=partial(self.work, delivery), daemon=True)
            for delivery in self.deliveries
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(WATCH_SECONDS)
                self.release_behind_slow()
        if self.errors:
            raise self.errors[0]
        reports = [delivery.report for delivery in self.deliveries]
        return DeliveryReport(
            sent=sum(report.sent for report in reports),
            retried=sum(report.retried for report in reports),
            failed=sum(report.failed for report in reports),
        )

    def release_behind_slow(self) -> None:
        """Release what waits behind a slow mail, for other connections to send."""
        for delivery in self.deliveries:
            if delivery.is_slow and (untried := delivery.take_untried()):
                release(untried)
                self.wake_all()

    # --- in each thread ---

    def work(self, delivery: Delivery) -> None:
        with self.app.app_context(), delivery:
            try:
                self.send(delivery)
            except Exception as error:
                self.errors.append(error)
                self.end()

    def send(self, delivery: Delivery) -> None:
        while not self.is_over():
            claims = claim_due(
                delivery.now(), CLAIM_SIZE, connections=len(self.deliveries)
            )
            if claims:
                if not delivery.send_all(claims):
                    self.end()
            elif self.wait_for_work():
                self.end()

    def wait_for_work(self) -> bool:
        """Wait a moment for messages that become due while others still send; return
        True if nobody sends."""
        with self.wakeup:
            self.idle += 1
            if self.idle == len(self.deliveries):
                return True
            self.wakeup.wait(IDLE_POLL_SECONDS)
            self.idle -= 1
            return False

    def end(self) -> None:
        self.ended.set()
        self.wake_all()

    def wake_all(self) -> None:
        with self.wakeup:
            self.wakeup.notify_all()
