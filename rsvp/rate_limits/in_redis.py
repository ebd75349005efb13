"""Rate limit storage in Redis; in memory while Redis does not answer.

Nobody waits for Redis for long, whatever it does: hang, drip, talk nonsense, be a name
that nobody resolves. A thread of its own asks it, and others wait for that thread as
long as they may. After one wait in vain it is left alone for a while, and then tried by
that thread, not by a request.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from limits.storage import RedisStorage, Storage

from rsvp.rate_limits.in_memory import ProcessMemoryStorage

log = logging.getLogger("rsvp.limits")

SCHEMES = ("redis://", "rediss://", "unix://")
URI_PREFIX = "shared+"
"""What stands before the address of Redis in RATELIMIT_STORAGE_URI, to count here."""

ANSWER_TIMEOUT = 0.4
"""Seconds that somebody waits for an answer."""
SLOW_SECONDS = 0.1
"""Seconds after which an answer is slow; in a row they may take PATIENCE together."""
RETRY_SECONDS = 30.0
"""Seconds in which Redis is left alone before it is tried again."""

POOL_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": ANSWER_TIMEOUT,
    "socket_timeout": ANSWER_TIMEOUT,
    "socket_keepalive": True,
    "retry": None,
    "retry_on_error": [],
}
"""Whatever the address says of these: it is asked once, and soon left alone."""

CLIENTS: weakref.WeakSet[RedisClient] = weakref.WeakSet()


class NoAnswer(Exception):
    """Redis did not answer, or is not asked now."""


def storage_uri(url: str) -> str:
    """What RATELIMIT_STORAGE_URI must be to count in this Redis.

    Raises ValueError where the address has options that no Redis knows, in words
    without the address: it may have a password in it.
    """
    try:
        make_pool(url).make_connection()  # which connects to nothing yet
    except (ValueError, TypeError, OSError):
        raise ValueError("has an option behind its ? that can't be used") from None
    return URI_PREFIX + url


def make_pool(url: str) -> Any:
    from redis.backoff import NoBackoff
    from redis.connection import ConnectionPool, parse_url
    from redis.retry import Retry

    options: dict[str, Any] = {**parse_url(url), **POOL_OPTIONS}
    options["retry"] = Retry(NoBackoff(), 0)
    if "path" in options:  # a socket in the file system knows no keepalive
        del options["socket_keepalive"]
    return ConnectionPool(**options)


class SharedRedisStorage(Storage):
    """The limits library's storage; it always has an answer, and soon."""

    STORAGE_SCHEME = [URI_PREFIX + scheme.removesuffix("://") for scheme in SCHEMES]

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri, **options)
        pool = make_pool(uri.removeprefix(URI_PREFIX))
        self.here = ProcessMemoryStorage()
        self.there = RedisStorage("redis://", connection_pool=pool)
        # Not a ping: one that takes no writes answers that.
        self.courier = RedisClient(lambda: self.there.incr("probe", 60))

    @property
    def base_exceptions(self) -> type[Exception]:
        return NoAnswer

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        try:
            return int(self.courier.ask(lambda: self.there.incr(key, expiry, amount)))
        except NoAnswer:
            return self.here.incr(key, expiry, amount)

    def get(self, key: str) -> int:
        try:
            return int(self.courier.ask(lambda: self.there.get(key)))
        except NoAnswer:
            return self.here.get(key)

    def get_expiry(self, key: str) -> float:
        try:
            return float(self.courier.ask(lambda: float(self.there.get_expiry(key))))
        except NoAnswer:
            return self.here.get_expiry(key)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        self.here.reset()
        with contextlib.suppress(NoAnswer):
            self.courier.ask(self.there.reset)
        return None

    def clear(self, key: str) -> None:
        self.here.clear(key)
        with contextlib.suppress(NoAnswer):
            self.courier.ask(lambda: self.there.clear(key))


class RedisCall:
    """What is asked, and what came of it."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.ask = ask
        self.answered = threading.Event()
        self.answer: Any = None
        self.failure: Exception | None = None
        self.is_abandoned = False


class RedisClient:
    """Asks in a thread of its own, one question after the other."""

    def __init__(
        self, probe: Callable[[], object], rest: float = RETRY_SECONDS
    ) -> None:
        self.probe = probe
        self.rest = rest
        self.begin_anew()
        CLIENTS.add(self)

    def begin_anew(self) -> None:
        """In a process just forked: the parent's thread stays the parent's."""
        self.lock = threading.Lock()
        self.questions: queue.SimpleQueue[RedisCall] = queue.SimpleQueue()
        self.is_resting = self.is_started = False
        self.lost = 0.0

    def ask(self, question: Callable[[], Any]) -> Any:
        """The answer; it takes PATIENCE at most. Raises NoAnswer."""
        if self.is_resting:
            raise NoAnswer
        self.start()
        asked, began = RedisCall(question), time.monotonic()
        self.questions.put(asked)
        if not asked.answered.wait(ANSWER_TIMEOUT):
            asked.is_abandoned = True
            self.leave_alone("no answer in time")
            raise NoAnswer
        if asked.failure is not None:
            raise NoAnswer from asked.failure
        took = time.monotonic() - began
        self.lost = self.lost + took if took > SLOW_SECONDS else 0.0
        if self.lost > ANSWER_TIMEOUT:
            self.leave_alone("it is slow")
        return asked.answer

    def start(self) -> None:
        with self.lock:
            if not self.is_started:
                self.is_started = True
                threading.Thread(
                    target=self.carry, name="shared counter", daemon=True
                ).start()

    def leave_alone(self, why: str) -> None:
        with self.lock:
            if self.is_resting:
                return
            self.is_resting, self.lost = True, 0.0
        log.warning("Redis is left alone, and each process counts for itself: %s", why)
        # Its thread may wait for a question, and has something else to do now.
        self.questions.put(RedisCall(lambda: None))

    # --- in its thread ---

    def carry(self) -> None:
        while True:
            asked = self.questions.get()
            if self.is_resting:
                self.rest_until_well()
            if asked.is_abandoned:
                continue
            try:
                asked.answer = asked.ask()
            except Exception as error:
                # Of whatever kind: what is no Redis may say anything.
                self.leave_alone(type(error).__name__)
                self.refuse(asked, error)
                self.rest_until_well()
            else:
                asked.answered.set()

    def refuse(self, asked: RedisCall, error: Exception) -> None:
        """Tell all who wait, so that none waits for nothing."""
        asked.failure = error
        asked.answered.set()
        with contextlib.suppress(queue.Empty):
            while True:
                other = self.questions.get_nowait()
                other.failure = error
                other.answered.set()

    def rest_until_well(self) -> None:
        is_well = False
        while not is_well:
            time.sleep(self.rest)
            began = time.monotonic()
            with contextlib.suppress(Exception):
                self.probe()
                is_well = time.monotonic() - began < SLOW_SECONDS
        self.is_resting = False
        log.warning("Redis answers again, and counts for all")


def reset_after_fork() -> None:
    for courier in list(CLIENTS):
        courier.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_after_fork)
