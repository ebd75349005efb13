"""Fixtures: what mails need to be written."""

from __future__ import annotations

import pytest

from tests.support.mail.messages import KEY


@pytest.fixture
def writes_mails(sqlite_app, monkeypatch):
    """An application context with templates, a language and a key for codes."""
    monkeypatch.setitem(sqlite_app.config, "CODE_KEY", KEY)
    with sqlite_app.app_context():
        yield
