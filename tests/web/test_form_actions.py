"""Form actions: each form knows its page, which is where its address leads, too."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rsvp.web import form_actions, guards

SAMPLES = {"slug": "letters", "reference": "7K2M9QXD", "position": 2, "key": "hall"}
SAMPLES |= {"uuid": UUID(int=1), "kind": "reminder", "token": "x" * 22}


def test_each_form_knows_a_page_that_can_be_opened_from_its_address(sqlite_app: Flask):
    pages = {
        rule.endpoint: rule.arguments
        for rule in sqlite_app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
    }
    offenders = []
    for rule in sqlite_app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        page = form_actions.page_of(sqlite_app, rule.endpoint)
        if page is None:
            offenders.append(f"{rule.endpoint} knows no page")
        elif page not in pages:
            offenders.append(f"{rule.endpoint}: {page} is no page")
        elif unknown := pages[page] - rule.arguments:
            offenders.append(f"{rule.endpoint}: {page} takes {unknown}")

    assert not offenders, "\n".join(offenders)


@pytest.mark.usefixtures("ada")
def test_the_address_of_a_form_tells_no_more_than_its_page_does(
    app: Flask, client: FlaskClient
):
    """Redirected is whoever could look at the page; here there is nothing to see."""
    redirects = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.rpartition(".")[2].startswith("redirect_")
    ]
    assert len(redirects) > 30
    stranger, addresses = app.test_client(), app.url_map.bind("localhost")
    expected = {"signed_in": (302, 404), "by_link": (404, 404), "public": (303, 303)}
    offenders = []
    for rule in redirects:
        values = {name: SAMPLES[name] for name in rule.arguments}
        path = addresses.build(rule.endpoint, values)
        seen = (stranger.get(path).status_code, client.get(path).status_code)
        if seen != expected[guards.declared(app, rule.endpoint) or ""]:
            offenders.append(f"{rule.rule} answers {seen}")

    assert not offenders, "\n".join(offenders)
