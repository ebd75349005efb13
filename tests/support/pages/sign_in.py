"""Signing in, as a browser does it."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import PASSWORD

SIGN_IN_PATH = "/organize/sign-in"


def csrf_token(client: FlaskClient, page: str = SIGN_IN_PATH) -> str:
    html = client.get(page).text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
    assert found, html
    return found[1]


def sign_in(
    client: FlaskClient,
    email: str,
    password: str = PASSWORD,
    page: str = SIGN_IN_PATH,
    **sent,
) -> TestResponse:
    token = csrf_token(client, page)
    fields = {"email": email, "password": password, "csrf_token": token}
    return client.post(page, data=fields, **sent)
