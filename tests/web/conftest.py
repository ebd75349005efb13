"""Who looks at pages, and which engines they are tested on."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rsvp.models import User
from tests.factories import make_user
from tests.web.signing_in import sign_in


@pytest.fixture
def ada(app: Flask, client: FlaskClient) -> User:
    """An owner, who is signed in."""
    user = make_user("ada@example.org")
    sign_in(client, user.email)
    return user


# What these pages do is tested on both engines beside the rules themselves
# (tests/domain); of the pages, the words and the forms are of interest. Lists, exports
# and whatever queries of their own they need run on both at all times.
ONE_ENGINE = {
    *("test_bad_input", "test_calling_off", "test_changes", "test_coming"),
    *("test_deciding", "test_by_organizer", "test_who_comes"),
    *("test_door", "test_first", "test_forms", "test_history", "test_invitations"),
    *("test_mailings", "test_previews", "test_wording"),
    *("test_own", "test_passwords", "test_seats", "test_sign_in", "test_ways_in"),
    *("test_unsubscribing", "test_refused_mail", "test_work"),
    *("test_registering", "test_registration", "test_scans", "test_door_desk"),
    *("test_attendee", "test_public", "test_memory", "test_filters"),
    "test_refused_at_the_desk",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = getattr(item, "callspec", None)
        engine = params.params.get("app") if params else None
        if engine == "postgresql" and is_page(item):
            item.add_marker(pytest.mark.soak)


def is_page(item: pytest.Item) -> bool:
    return item.path.parent.name == "web" and item.path.stem in ONE_ENGINE
