"""Unwritable: a mail that can't be written keeps no other one from going out."""

from __future__ import annotations

import pytest

from rsvp import mailer
from tests.factories import NOON, make_event, register
from tests.jobs.outbox import MINUTE, deliver, messages, states


@pytest.mark.parametrize("connections", [1, 4])
def test_one_that_cannot_be_put_into_bytes_is_put_off_alone(
    app, smtp, monkeypatch, connections
):
    write = mailer.Message.as_bytes

    def refuse_ada(letter: mailer.Message) -> bytes:
        if letter.recipients == ["ada@example.org"]:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return write(letter)

    monkeypatch.setattr(mailer.Message, "as_bytes", refuse_ada)
    event = make_event()
    for name in ("ada", "bo"):
        register(event, name, email=f"{name}@example.org")

    assert deliver(connections=connections) == (1, 1, 0)

    assert states() == ["queued", "sent"]
    ada = messages()[0]
    assert ada.last_error == "the mail could not be written (UnicodeEncodeError)"
    assert (ada.attempts, ada.lease_until) == (1, None)
    assert ada.due_at >= NOON + MINUTE
