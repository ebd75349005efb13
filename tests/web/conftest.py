"""Who looks at pages."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rsvp.models import User
from tests.support.factories import make_user
from tests.support.pages.sign_in import sign_in


@pytest.fixture
def ada(app: Flask, client: FlaskClient) -> User:
    """An owner, who is signed in."""
    user = make_user("ada@example.org")
    sign_in(client, user.email)
    return user
