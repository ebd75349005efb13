"""Unwritable: a mail that can't be written keeps no other one from going out."""

from __future__ import annotations

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import update

from rsvp.db import writing
from rsvp.extensions import db
from rsvp.mailer import connection
from rsvp.models import Message
from tests.support.factories import NOON, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states


@for_each("connections", [1, 4], fresh=True)
def test_one_that_cannot_be_put_into_bytes_is_put_off_alone(
    app, smtp, monkeypatch, connections
):
    write = connection.OutgoingMail.as_bytes

    def refuse_ada(letter: connection.OutgoingMail) -> bytes:
        if letter.recipients == ["ada@example.org"]:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return write(letter)

    monkeypatch.setattr(connection.OutgoingMail, "as_bytes", refuse_ada)
    event = make_event()
    for name in ("ada", "bo"):
        register(event, name, email=f"{name}@example.org")

    assert deliver(connections=connections) == (1, 1, 0)

    assert message_states() == ["queued", "sent"]
    ada = all_messages()[0]
    assert ada.last_error == "the mail could not be written (UnicodeEncodeError)"
    assert (ada.attempts, ada.lease_until) == (1, None)
    assert ada.due_at >= NOON + MINUTE


@for_each("rank", [0, 2], fresh=True)
def test_one_that_cannot_be_read_is_put_off_alone(app, smtp, monkeypatch, rank):
    """What one person waits for is read alone, what many get is read together."""
    event = make_event()
    for name in ("ada", "bo", "cy"):
        register(event, name, email=f"{name}@example.org")
    with writing() as session:
        session.execute(update(Message).values(rank=rank))
    broken = all_messages()[0].id

    def stumble(target, _context, *_):
        if target.id == broken:
            raise ValueError("Ada Lovelace")

    db.session.rollback()
    db.session.remove()
    sqlalchemy_event.listen(Message, "load", stumble)
    try:
        assert deliver() == (2, 1, 0)
    finally:
        sqlalchemy_event.remove(Message, "load", stumble)

    assert message_states() == ["queued", "sent", "sent"]
    assert all_messages()[0].last_error == "the mail could not be written (ValueError)"
