"""Mail addresses on pages: two people's are two, and a slip is asked about."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.pages.attendee import mailed_link, request_resend
from tests.support.pages.registration_form import (
    mails_sent,
    make_upcoming_event,
    states_by_name,
    submit_form,
)
from tests.support.pages.sign_in import sign_in

MEANT = '<bdi dir="ltr">ada@gmail.com</bdi>'


def test_two_people_whose_addresses_fold_alike_each_get_their_own(client: FlaskClient):
    event = make_upcoming_event()
    for name, email in (("Ann", "strasse@example.org"), ("Bo", "Straße@example.org")):
        answer = submit_form(client, event, name=name, email=email)
        assert answer.status_code == 303

    answer = submit_form(client, event, name="Bo", email="STRAẞE@example.org")
    request_resend(client, email="straße@example.org")

    assert states_by_name() == {"Ann": "confirmed", "Bo": "confirmed"}
    assert "the address you gave" in answer.text
    assert mails_sent() == [
        ("confirmation", "strasse@example.org"),
        ("confirmation", "Straße@example.org"),
        ("ticket_again", "Straße@example.org"),
        ("ticket_again", "Straße@example.org"),
    ]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_slip_in_a_well_known_domain_is_asked_about_and_blocks_nothing(
    app, client: FlaskClient
):
    event, quiet = (
        make_upcoming_event(),
        make_upcoming_event(slug="quiet", title="Quiet", discreet=True),
    )
    slip = {"email": "ada@gmial.com"}

    mine = submit_form(client, event, **slip).location
    page = client.get(mine)
    form = client.get(f"{mine}/address")
    lost = request_resend(client, **slip)
    by_mail = submit_form(client, quiet, name="Eva", **slip)
    other = submit_form(client, event, name="Cy", email="cy@gmail.com").location
    no_slip = client.get(other)
    heir = {"name": "Di", "email": "ada@gmal.com"}
    passed = client.post(f"{other}/successor", data=heir)

    assert MEANT in page.text
    assert f'href="{mine}/address"' in page.text
    assert 'value="ada@gmail.com"' in form.text
    for answer in (lost, by_mail, passed):
        assert answer.status_code == 200
        assert MEANT in answer.text
    assert "Did you mean" not in no_slip.text
    # Whoever opens the link of a mail has got it.
    mailed = client.get(mailed_link(client, "Eva"))
    assert mailed.status_code == 200
    assert "Did you mean" not in mailed.text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_answer_says_alike_of_a_slip_whether_it_is_registered(
    app, client: FlaskClient
):
    event, slip = make_upcoming_event(discreet=True), {"email": "ada@gmial.com"}

    first, again = (
        submit_form(client, event, **slip),
        submit_form(client, event, **slip),
    )

    assert MEANT in first.text
    assert first.text == again.text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_an_organizer_signs_in_with_an_address_as_it_was_pasted(app):
    make_user("ada@example.org")

    for pasted in ("\u2068ADA＠example.org\u2069", "Ada <ada@example.org>,"):
        answer = sign_in(app.test_client(), pasted)
        assert (answer.status_code, answer.location) == (302, "/organize/")
