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
"""Seconds after which an answer is slow; in a row they may take ANSWER_TIMEOUT
together."""
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
    """Return the RATELIMIT_STORAGE_URI for counting in this Redis.

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
    """The limits library's storage; it always answers, and soon."""

    STORAGE_SCHEME = [URI_PREFIX + scheme.removesuffix("://") for scheme in SCHEMES]

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri, **options)
        pool = make_pool(uri.removeprefix(URI_PREFIX))
        self.memory_storage = ProcessMemoryStorage()
        self.redis_storage = RedisStorage("redis://", connection_pool=pool)
        # Not a ping: one that takes no writes answers that.
        self.client = RedisClient(lambda: self.redis_storage.incr("probe", 60))

    @property
    def base_exceptions(self) -> type[Exception]:
        return NoAnswer

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        try:
            return int(
                self.client.call(lambda: self.redis_storage.incr(key, expiry, amount))
            )
        except NoAnswer:
            return self.memory_storage.incr(key, expiry, amount)

    def get(self, key: str) -> int:
        try:
            return int(self.client.call(lambda: self.redis_storage.get(key)))
        except NoAnswer:
            return self.memory_storage.get(key)

    def get_expiry(self, key: str) -> float:
        try:
            return float(
                self.client.call(lambda: float(self.redis_storage.get_expiry(key)))
            )
        except NoAnswer:
            return self.memory_storage.get_expiry(key)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        self.memory_storage.reset()
        with contextlib.suppress(NoAnswer):
            self.client.call(self.redis_storage.reset)
        return None

    def clear(self, key: str) -> None:
        self.memory_storage.clear(key)
        with contextlib.suppress(NoAnswer):
            self.client.call(lambda: self.redis_storage.clear(key))


class RedisCall:
    """A function that the thread is to call, and its result."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.answered = threading.Event()
        self.answer: Any = None
        self.failure: Exception | None = None
        self.is_abandoned = False


class RedisClient:
    """Calls Redis in a thread of its own, one call after the other."""

    def __init__(
        self, probe: Callable[[], object], retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self.probe = probe
        self.retry_seconds = retry_seconds
        self.reset_after_fork()
        CLIENTS.add(self)

    def reset_after_fork(self) -> None:
        """Start anew in a process just forked: the parent's thread stays the
        parent's."""
        self.lock = threading.Lock()
        self.calls: queue.SimpleQueue[RedisCall] = queue.SimpleQueue()
        self.is_paused = self.is_started = False
        self.slow_total = 0.0

    def call(self, function: Callable[[], Any]) -> Any:
        """Return the answer; it takes ANSWER_TIMEOUT at most. Raises NoAnswer."""
        if self.is_paused:
            raise NoAnswer
        self.start()
        call, began = RedisCall(function), time.monotonic()
        self.calls.put(call)
        if not call.answered.wait(ANSWER_TIMEOUT):
            call.is_abandoned = True
            self.pause("no answer in time")
            raise NoAnswer
        if call.failure is not None:
            raise NoAnswer from call.failure
        took = time.monotonic() - began
        self.slow_total = self.slow_total + took if took > SLOW_SECONDS else 0.0
        if self.slow_total > ANSWER_TIMEOUT:
            self.pause("it is slow")
        return call.answer

    def start(self) -> None:
        with self.lock:
            if not self.is_started:
                self.is_started = True
                threading.Thread(
                    target=self.run_thread, name="shared counter", daemon=True
                ).start()

    def pause(self, reason: str) -> None:
        with self.lock:
            if self.is_paused:
                return
            self.is_paused, self.slow_total = True, 0.0
        log.warning(
            "Redis is left alone, and each process counts for itself: %s", reason
        )
        # Its thread may wait for a question, and has something else to do now.
        self.calls.put(RedisCall(lambda: None))

    # --- in its thread ---

    def run_thread(self) -> None:
        while True:
            call = self.calls.get()
            if self.is_paused:
                self.wait_until_healthy()
            if call.is_abandoned:
                continue
            try:
                call.answer = call.function()
            except Exception as error:
                # Of whatever kind: what is no Redis may say anything.
                self.pause(type(error).__name__)
                self.fail_all(call, error)
                self.wait_until_healthy()
            else:
                call.answered.set()

    def fail_all(self, call: RedisCall, error: Exception) -> None:
        """Fail this call and all that wait, so that none waits for nothing."""
        call.failure = error
        call.answered.set()
        with contextlib.suppress(queue.Empty):
            while True:
                other = self.calls.get_nowait()
                other.failure = error
                other.answered.set()

    def wait_until_healthy(self) -> None:
        is_well = False
        while not is_well:
            time.sleep(self.retry_seconds)
            began = time.monotonic()
            with contextlib.suppress(Exception):
                self.probe()
                is_well = time.monotonic() - began < SLOW_SECONDS
        self.is_paused = False
        log.warning("Redis answers again, and counts for all")


def reset_after_fork() -> None:
    for client in list(CLIENTS):
        client.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_after_fork)
