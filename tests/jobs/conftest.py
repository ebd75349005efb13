"""Fixtures of the worker's tests."""

from tests.support.celery_broker import broker  # noqa: F401 - a fixture
