"""Who looks at pages."""

from __future__ import annotations

import flask
import flask_security
import pytest
from flask import Flask
from flask.testing import FlaskClient

from rsvp.extensions import db
from rsvp.models import User
from tests.support.factories import make_user
from tests.support.pages.sign_in import SIGN_IN_PATH


@pytest.fixture
def ada(app: Flask, client: FlaskClient) -> User:
    """An owner, who is signed in, as by the form but without the work of a password."""
    user = make_user("ada@example.org")
    browser = client.environ_base
    with app.test_request_context(SIGN_IN_PATH, environ_base=browser):
        flask_security.login_user(user)
        signed_in = dict(flask.session)
    with client.session_transaction(SIGN_IN_PATH) as session:
        session |= signed_in
    return db.session.get_one(User, user.id)
