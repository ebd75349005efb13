"""What a person's machine may lack: where it is looked for, and what its absence means.

In CI (the variable `CI` is set) everything must be there; elsewhere the tests that need
a missing part are skipped, and the run's closing line says so.
"""

from __future__ import annotations

import functools
import os
import shutil

import psycopg
import pytest
import redis

POSTGRESQL = os.environ.get(
    "RSVP_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
REDIS = os.environ.get("RSVP_TEST_REDIS", "redis://127.0.0.1:6379/15")
CHROMIUM = os.environ.get("RSVP_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)


@functools.cache
def missing(service: str) -> str | None:
    """Why a service can't be used here, in one line, or None where it can."""
    if service == "postgresql":
        try:
            psycopg.connect(POSTGRESQL, connect_timeout=3).close()
        except psycopg.OperationalError as error:
            return f"PostgreSQL is not reachable ({str(error).splitlines()[0]})"
    if service == "redis":
        try:
            redis.Redis.from_url(REDIS, socket_connect_timeout=3).ping()
        except redis.RedisError as error:
            return f"Redis is not reachable ({error})"
    if service == "pg_dump" and not shutil.which("pg_dump"):
        return "pg_dump is not installed"
    if service == "node" and not shutil.which("node"):
        return "node is not installed"
    if service == "browser" and not CHROMIUM:
        return "Chromium is not installed"
    return None


def need(service: str) -> None:
    """Skip the test where a service is missing; in CI, fail it."""
    why = missing(service)
    if why and os.environ.get("CI"):
        pytest.fail(f"required in CI: {why}", pytrace=False)
    if why:
        pytest.skip(why)
