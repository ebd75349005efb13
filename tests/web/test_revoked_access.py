"""Taken back: what a link, a code, a cookie or a role opened, it opens no more."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import utcnow, writing
from rsvp.domain import invitations
from rsvp.domain.accounts import users
from rsvp.extensions import db
from rsvp.models import DoorPass, Invitation, Membership, User
from tests.support.door_client import make_event_today, pass_link, send_scans
from tests.support.factories import CODE_KEY, PASSWORD, make_user
from tests.support.pages.attendee import mailed_link, registration_named
from tests.support.pages.registration_form import (
    JOIN_URL,
    WEBINAR,
    make_upcoming_event,
    register_as,
    submit_form,
)
from tests.support.pages.sign_in import csrf_token, sign_in

Opens = dict[str, Callable[[], bool]]
"""What was taken back, and whether it still opens something."""


def is_answered(client: FlaskClient, path: str) -> Callable[[], bool]:
    return lambda: client.get(path).status_code == 200


def press(client: FlaskClient, path: str, **values: str):
    """Send a form as a page of the desk does."""
    token = csrf_token(client, "/organize/")
    return client.post(path, data=values | {"csrf_token": token})


# --- at the door --------------------------------------------------------------------


def joins(client: FlaskClient, link: str) -> bool:
    client.get(link)
    return client.post(link, data={"name": "Main entrance"}).status_code == 303


def a_phone(client: FlaskClient, link: str) -> tuple[FlaskClient, Opens]:
    """One that scans, and what it could try afterwards."""
    phone, fresh = (client.application.test_client() for _ in range(2))
    assert joins(phone, link)
    return phone, {
        "its scanner": is_answered(phone, "/door/"),
        "its scans": lambda: send_scans(phone).status_code == 200,
        "the link in its history": is_answered(phone, link),
        "the form behind it": lambda: joins(phone, link),
        "the link without its cookie": lambda: joins(fresh, link),
    }


def a_phone_sent_home(client: FlaskClient) -> Opens:
    event = make_event_today(slug="home")
    link, door = pass_link(event), f"/organize/events/{event.slug}/door"
    _phone, opens = a_phone(client, link)
    other, _ = a_phone(client, link)
    made = db.session.scalars(select(DoorPass).filter_by(event_id=event.id)).one()
    uuid, phone_uuid = made.uuid, made.devices[0].uuid

    answer = press(client, f"{door}/phones/{phone_uuid}/revocation")

    shown = client.get(answer.location).text
    renewed = f"/door/{tokens.door_pass_token(CODE_KEY, uuid, 1)}"
    assert "<details open>" in shown
    assert renewed in shown
    assert link not in shown
    assert send_scans(other).status_code == 200
    assert joins(client.application.test_client(), renewed)
    return opens


def a_phone_that_is_done(client: FlaskClient) -> Opens:
    phone, opens = a_phone(client, pass_link(make_event_today(slug="done")))
    assert phone.post("/door/retirement").status_code == 303
    return opens


def a_pass_revoked(client: FlaskClient) -> Opens:
    event = make_event_today(slug="revoked")
    _phone, opens = a_phone(client, pass_link(event))
    made = db.session.scalars(select(DoorPass).filter_by(event_id=event.id)).one()
    press(client, f"/organize/events/{event.slug}/door/passes/{made.uuid}/revocation")
    return opens


# --- of a registration --------------------------------------------------------------

PARTY = {"guests-0-name": "Bo", "party": "2"}


def a_party(client: FlaskClient, slug: str) -> tuple[str, Opens]:
    """Its page, and what its links open: none of them shall afterwards."""
    mine = register_as(
        client, make_upcoming_event(slug=slug, party_max=2), slug, **PARTY
    )
    found = registration_named(slug.title())
    mute = tokens.mute_token(CODE_KEY, found.uuid, found.link_version)
    tickets = [
        f"/t/{tokens.ticket_token(CODE_KEY, guest.uuid, guest.code_version)}"
        for guest in found.attendees
    ]
    mailed = mailed_link(client, slug.title())
    pages = [mine, *(f"{mine}/{page}" for page in ("address", "erasure", "details"))]
    pages += [mailed, f"{mailed}/details", f"{mailed}/calendar.ics"]
    pages += [f"{mine}/calendar.ics", f"/u/{mute}", *tickets]
    pages += [f"{ticket}/calendar.ics" for ticket in tickets]
    assert all(client.get(page).status_code == 200 for page in pages)
    changed = client.application.test_client()
    return mine, {page: is_answered(client, page) for page in pages} | {
        "giving it up": lambda: changed.post(f"{mine}/cancellation").status_code == 303,
        "the guest's place": lambda: (
            changed.post(f"{mine}/guests/1/cancellation").status_code == 303
        ),
    }


def links_after_a_transfer(client: FlaskClient) -> Opens:
    mine, opens = a_party(client, "dora")
    heir = {"name": "Cy", "email": "cy@example.org"}
    assert client.post(f"{mine}/successor", data=heir).status_code == 200
    return opens


def links_after_a_correction(client: FlaskClient) -> Opens:
    mine, opens = a_party(client, "eva")
    answer = client.post(f"{mine}/address", data={"email": "eva@example.com"})
    assert answer.status_code == 303
    return opens


def replaced_tickets(client: FlaskClient) -> Opens:
    _mine, opens = a_party(client, "fay")
    reference = registration_named("Fay").reference
    path = f"/organize/events/fay/registrations/{reference}/codes"
    assert press(client, path).status_code == 303
    return opens


def a_guests_ticket_given_up(client: FlaskClient) -> Opens:
    event = make_upcoming_event(WEBINAR, slug="gil", party_max=2, join_url=JOIN_URL)
    mine = register_as(client, event, "gil", **PARTY)
    guest = registration_named("Gil").attendees[1]
    ticket = f"/t/{tokens.ticket_token(CODE_KEY, guest.uuid, 0)}"
    pages = [ticket, f"{ticket}/calendar.ics"]

    def shows(page: str) -> bool:
        return JOIN_URL in client.get(page).text.replace("\r\n ", "")

    assert all(map(shows, pages))
    assert client.post(f"{mine}/guests/1/cancellation").status_code == 303
    return {page: lambda page=page: shows(page) for page in pages}


def a_withdrawn_invitation(client: FlaskClient) -> Opens:
    event = make_upcoming_event(slug="invited", visibility="invitation")
    with writing():
        [made] = invitations.create(
            event.id,
            count=1,
            uses_max=None,
            expires_at=None,
            label=None,
            code_key=CODE_KEY,
            actor="command",
            now=utcnow(),
        )
        code = invitations.invitation_code(made, CODE_KEY)
    first = {"name": "Hal", "email": "hal@example.org", "invitation": code}
    assert submit_form(client, event, **first).status_code == 303
    uuid = db.session.scalars(select(Invitation)).one().uuid
    press(client, f"/organize/events/invited/invitations/{uuid}/revocation")
    again = {"name": "Ida", "email": "ida@example.org", "invitation": code}
    return {"its code": lambda: submit_form(client, event, **again).status_code == 303}


# --- of an account ------------------------------------------------------------------


def an_account(client: FlaskClient, who: str) -> tuple[User, Opens]:
    """Signed in, and with a link to another password."""
    user = make_user(f"{who}@example.org")
    register_as(client, make_upcoming_event(slug=f"with-{who}"), f"guest-{who}")
    there, link = (
        client.application.test_client(),
        account_security.password_reset_link(user, utcnow()),
    )
    sign_in(there, user.email)
    mine = f"/organize/events/with-{who}"
    pages = [f"{mine}{page}" for page in ("", "/registrations", "/door", "/messages")]
    pages += [f"{mine}/registrations.csv"]
    assert [there.get(page).status_code for page in pages] == [200] * len(pages)
    token = csrf_token(there, "/organize/")
    press = {"csrf_token": token, "phones": "2"}
    return user, {page: is_answered(there, page) for page in pages} | {
        "a form of its": lambda: (
            there.post(f"{mine}/door/passes", data=press).status_code == 303
        ),
        "a link to a new password": is_answered(client, urlsplit(link).path),
    }


def somebody_removed_from_the_team(client: FlaskClient) -> Opens:
    user, opens = an_account(client, "jo")
    with writing() as session:
        session.execute(delete(Membership).where(Membership.user_id == user.id))
    # The account is theirs still: only what is the team's is not.
    del opens["a link to a new password"]
    return opens


def an_account_switched_off(client: FlaskClient) -> Opens:
    user, opens = an_account(client, "kim")
    with writing() as session:
        session.get_one(User, user.id).active = False
    fresh = client.application.test_client()
    return opens | {"signing in": lambda: sign_in(fresh, user.email).status_code == 302}


def another_password(client: FlaskClient) -> Opens:
    user, opens = an_account(client, "lea")
    password_hash = account_security.hash_password("seven quiet paper boats")
    with writing() as session:
        users.set_password(session.get_one(User, user.id), password_hash)
    fresh = client.application.test_client()
    return opens | {
        "the old password": lambda: (
            sign_in(fresh, user.email, PASSWORD).status_code == 302
        )
    }


REVOKED = (
    a_phone_sent_home,
    a_phone_that_is_done,
    a_pass_revoked,
    links_after_a_transfer,
    links_after_a_correction,
    replaced_tickets,
    a_guests_ticket_given_up,
    a_withdrawn_invitation,
    somebody_removed_from_the_team,
    an_account_switched_off,
    another_password,
)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_what_was_taken_back_opens_nothing_any_more(app, client, ada):
    still = {}
    for revoke in REVOKED:
        for what, opens in revoke(client).items():
            if opens():
                still[revoke.__name__, what] = "opens"

    assert still == {}
