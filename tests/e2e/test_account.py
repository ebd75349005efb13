"""An account's life: made at a link, its password forgotten and replaced by another."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import utcnow
from tests.e2e.conftest import body_text, next_mail
from tests.support.live_site import Site
from tests.support.smtp_server import MailServer

pytestmark = pytest.mark.browser

ADA = "ada@example.org"
OLD, NEW = "kettle lamp harbour", "notebook tide supper"


def test_an_account_from_its_link_to_its_second_password(
    here: Site, page: Page, mailbox: MailServer
) -> None:
    told: list[str] = []
    page.on("request", lambda asked: told.append(asked.headers.get("referer", "")))

    # The first account, by the link that the start has printed.
    token = tokens.first_account_token(here.environ["RSVP_SECRET_KEY"], utcnow())
    page.goto(f"{here.url}{account_security.FIRST_ACCOUNT_PATH}/{token}")
    page.get_by_label("Email").fill(ADA)
    page.get_by_label("Password").fill("too short")
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_text("Use at least 12 characters.", exact=True)).to_be_visible()
    page.get_by_label("Password").fill(OLD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Events")
    page.get_by_role("button", name="Sign out").click()

    # Forgotten.
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(ADA)
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look at your mail")
    found = re.search(
        rf"{here.url}/organize/password/\S+", body_text(next_mail(mailbox, ADA))
    )
    assert found

    # Replaced, once.
    page.goto(found[0])
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Your new password is set.")).to_be_visible()
    page.get_by_label("Email").fill(ADA)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Events")

    # Nothing that the browser asked for said where its secret links were.
    assert any(told)
    assert not [text for text in told if "/organize/first" in text]
    assert not [text for text in told if "/organize/password/" in text]
