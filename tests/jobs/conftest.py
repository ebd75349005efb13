"""Fixtures of the worker's tests."""

from tests.jobs.brokers import broker  # noqa: F401 - a fixture
