"""In which order mails go out, and who may send them."""

from __future__ import annotations

import contextlib
import threading

from sqlalchemy import event as sqlalchemy_event

from rsvp import tokens
from rsvp.db import writing
from rsvp.domain import invariants
from rsvp.domain.messages import outbox as messages_
from rsvp.domain.messages.mail_limits import Cause
from rsvp.domain.registrations import (
    approval,
    cancellation,
    door_seating,
    mail_preferences,
    organizer_actions,
    transfer,
)
from rsvp.extensions import db
from rsvp.jobs import tasks
from rsvp.jobs.delivery import batches, pool, render, sender
from rsvp.jobs.delivery import claims as delivery_claims
from rsvp.models import Registration
from rsvp.models.message import MessageKind, MessageState
from tests.support.factories import CODE_KEY, NOON, cancel, make_event, register
from tests.support.for_each import for_each
from tests.support.outbox import MINUTE, all_messages, deliver, message_states
from tests.support.reminders import TWO_DAYS, add_reminders, local_time

ADA = "ada@example.org"


def pass_on(registration_id, email="zoe@example.org"):
    with writing():
        transfer.transfer_registration(
            registration_id,
            name="Zoë",
            email=email,
            email_key=email,
            code_key=CODE_KEY,
            actor="attendee",
            now=NOON,
        )


# --- order ---------------------------------------------------------------


def drop_guest(outcome):
    one = outcome.registration_id
    with writing():
        cancellation.cancel_guest(one, position=1, actor="attendee", now=NOON)


def test_a_registrations_mails_go_out_in_order(app, smtp):
    party = register(make_event(), "Ada", "Bo", email=ADA)
    drop_guest(party)
    smtp.script.append("451 later")

    assert deliver() == (0, 1, 0)  # the second one waits for the first
    assert deliver(NOON + MINUTE / 2) == (0, 0, 0)
    assert deliver(NOON + 2 * MINUTE) == (2, 0, 0)
    first, second = (r.mail["subject"] for r in smtp.received)
    assert "tickets for" in first
    assert second != first


def test_a_mail_that_failed_for_good_lets_the_next_one_pass(app, smtp):
    drop_guest(register(make_event(), "Ada", "Bo", email=ADA))
    smtp.script.append("rcpt 550 mailbox full")

    assert deliver() == (1, 0, 1)
    assert message_states()[:2] == [MessageState.FAILED, MessageState.SENT]


@for_each("tried", [False, True], fresh=True)
def test_a_confirmation_is_not_sent_once_the_place_is_cancelled(app, smtp, tried):
    place = register(make_event(), email=ADA)
    if tried:
        smtp.script.append("451 later")
        assert deliver() == (0, 1, 0)
    cancel(place)

    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)
    assert message_states() == [MessageState.SUPERSEDED, MessageState.SENT]
    (only,) = smtp.received
    assert only.mail["subject"].endswith("is cancelled")
    assert [p for p in invariants.find_problems(NOON) if p.rule == "I3"] == []


def test_nobody_is_told_of_a_place_once_the_event_is_over(app, smtp):
    event = make_event()
    place = register(event, email=ADA)
    extra(place, MessageKind.TICKET_AGAIN)

    assert deliver(event.ends_at) == (1, 0, 0)
    assert message_states() == [MessageState.SUPERSEDED, MessageState.SENT]


@for_each("end", ["cancel", "release"], fresh=True)
def test_an_end_is_not_told_to_who_was_brought_back_meanwhile(app, smtp, end):
    place = register(make_event(), email=ADA)
    deliver()
    one, by = place.registration_id, {"actor": "user:1", "now": NOON}
    with writing():
        if end == "cancel":
            cancellation.cancel(one, **by)
        else:
            door_seating.release_registration(one, reason="no_answer", **by)
    with writing():
        approval.reinstate(one, **by)

    assert deliver() == (1, 0, 0)
    assert message_states() == ["sent", "superseded", "sent"]
    assert "You have your place back." in smtp.received[-1].mail.as_string()
    assert [p for p in invariants.find_problems(NOON) if p.rule == "I3"] == []


def test_what_a_worker_is_sending_goes_out_before_the_cancellation(
    app, smtp, monkeypatch
):
    place = register(make_event(), email=ADA)
    send_smtp = sender.Delivery.send_smtp

    def cancel_first(self, mail):
        if smtp.tries == 0:
            cancel(place)
        send_smtp(self, mail)

    monkeypatch.setattr(sender.Delivery, "send_smtp", cancel_first)

    assert deliver() == (2, 0, 0)
    first, second = (r.mail["subject"] for r in smtp.received)
    assert first.startswith("Your ticket for")
    assert second.endswith("is cancelled")


@for_each("comes_back", [False, True], fresh=True)
def test_what_a_worker_is_sending_goes_out_before_it_is_said_to_be_passed_on(
    app, smtp, monkeypatch, comes_back
):
    """Held back meanwhile, it is still in that worker's hand, and another one looks."""
    place = register(make_event(), email=ADA)
    send_smtp = sender.Delivery.send_smtp
    in_hand = []

    def pass_on_first(self, mail):
        in_hand.append(mail)
        if len(in_hand) == 1:
            pass_on(place.registration_id)
            if comes_back:
                pass_on(place.registration_id, ADA)
                cancel(place)
            deliver(NOON + MINUTE)
        send_smtp(self, mail)

    monkeypatch.setattr(sender.Delivery, "send_smtp", pass_on_first)
    deliver()
    deliver(NOON + 2 * MINUTE)

    ticket, *later = (mail["subject"] for mail in smtp.mails_to(ADA))
    assert ticket.startswith("Your ticket for")
    assert later[0].endswith("was passed on")
    assert [each.endswith("is cancelled") for each in later[1:]] == [True] * comes_back
    assert MessageState.QUEUED not in message_states()


@for_each("tried", [False, True], fresh=True)
def test_what_was_held_back_in_a_workers_hand_keeps_nobody_waiting(app, smtp, tried):
    place = register(make_event(), email=ADA)
    claims = delivery_claims.claim_due(NOON, 10)
    pass_on(place.registration_id)
    if tried:
        with sender.Delivery(NOON, sender.DeliveryReport()) as delivery:
            delivery.send_all(claims)
    else:
        delivery_claims.release(claims)

    deliver(NOON + MINUTE)
    [mail] = smtp.mails_to(ADA)
    assert mail["subject"].endswith("was passed on")


def extra(outcome, kind, **facts):
    found = db.session.get_one(Registration, outcome.registration_id)
    with writing():
        messages_.enqueue(found, kind, cause=Cause.RULE, now=NOON, **facts)


def test_what_goes_to_many_waits_for_what_one_person_waits_for(app, smtp):
    event = make_event()
    first = register(event, "Ada", "Bo", email=ADA)
    assert deliver() == (1, 0, 0)
    extra(first, MessageKind.NOTE)
    register(event, email="grace@example.org")

    assert [m.rank for m in all_messages()] == [0, 2, 0]
    ids = [claim.id for claim in delivery_claims.claim_due(NOON, 10)]
    assert ids == [all_messages()[2].id, all_messages()[1].id]


def test_an_extra_holds_up_nothing_of_weight(app, smtp):
    party = register(make_event(), "Ada", "Bo", email=ADA)
    assert deliver() == (1, 0, 0)
    extra(party, MessageKind.NOTE)
    drop_guest(party)
    extra(party, MessageKind.REMINDER)

    _, note, change, reminder = all_messages()
    claimed = [claim.id for claim in delivery_claims.claim_due(NOON, 10)]
    # The note is older, so it does not wait for the change; the reminder does.
    assert claimed == [change.id, note.id]
    assert reminder.state == MessageState.QUEUED


def test_who_had_it_before_being_out_of_reach_holds_up_nobody(app, smtp):
    party = register(make_event(), email=ADA)
    pass_on(party.registration_id)
    smtp.script.extend(["", "451 later"])

    assert deliver() == (1, 1, 0)  # the new holder has it, the farewell waits
    cancel(party)
    assert deliver() == (1, 0, 0)
    assert smtp.recipients == ["zoe@example.org"] * 2


def test_a_claimed_message_is_left_alone_until_its_lease_ends(app, smtp):
    register(make_event(), email=ADA)
    (claimed,) = delivery_claims.claim_due(NOON, 10)

    assert delivery_claims.claim_due(NOON + delivery_claims.LEASE - MINUTE, 10) == []
    assert deliver(NOON + delivery_claims.LEASE - MINUTE) == (0, 0, 0)
    (again,) = delivery_claims.claim_due(NOON + delivery_claims.LEASE, 10)
    assert (claimed.attempt, again.attempt) == (1, 2)


def test_what_a_lost_lease_says_is_not_noted(app, smtp):
    register(make_event())
    (lost,) = delivery_claims.claim_due(NOON, 10)
    delivery_claims.claim_due(NOON + delivery_claims.LEASE, 10)

    delivery_claims.update_message(lost, state=MessageState.FAILED.value)
    assert message_states() == [MessageState.QUEUED]


def test_codes_of_a_new_holder_never_go_to_the_one_before(app):
    """A place is passed on just after the worker has read who gets the mail."""

    def pass_on_elsewhere(one):
        with app.app_context():
            pass_on(one)

    threads = []

    def pass_it_on_now(_connection, _cursor, statement, *_rest):
        if "FROM messages" in statement and not threads:
            one = party.registration_id
            threads.append(threading.Thread(target=pass_on_elsewhere, args=[one]))
            threads[0].start()
            threads[0].join(20)

    party = register(make_event(), "Ada", "Bo", email="ada@example.org")
    [claimed] = delivery_claims.claim_due(NOON, 10)
    after = (db.engine, "after_cursor_execute", pass_it_on_now)
    sqlalchemy_event.listen(*after)
    try:
        message = render.load_message(claimed)
    finally:
        sqlalchemy_event.remove(*after)

    assert threads
    assert message.recipient == "ada@example.org"
    assert [a.code_version for a in message.registration.attendees] == [0, 0]
    db.session.rollback()
    assert render.load_message(claimed) is None


def test_two_workers_at_once_send_each_mail_once(app, smtp):
    event = make_event({"capacity": None})
    for _ in range(40):
        register(event)
    both, have_met, sent = threading.Barrier(2), set(), []

    def meet(_connection, _cursor, statement, *_):
        """Let both look at what is due before either claims it. (On SQLite the second
        can't even look, so the first goes on alone after a moment.)"""
        me = threading.get_ident()
        if statement.startswith("UPDATE messages") and me not in have_met:
            have_met.add(me)
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(1)

    def work():
        with app.app_context():
            sent.append(pool.deliver_due(NOON).sent)
            db.session.remove()

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", meet)
    workers = [threading.Thread(target=work) for _ in range(2)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", meet)

    assert sum(sent) == 40
    assert sorted(smtp.recipients) == sorted(m.recipient for m in all_messages())
    assert len(set(smtp.recipients)) == 40
    assert {m.attempts for m in all_messages()} == {1}  # nor did they claim the same


# --- what is read in advance --------------------------------------------------------


def mute(registration_id):
    with writing():
        mail_preferences.mute(registration_id, actor="attendee", now=NOON)


def give_up(registration_id):
    with writing():
        cancellation.cancel(registration_id, actor="attendee", now=NOON)


def make_new_codes(registration_id):
    with writing():
        organizer_actions.replace_codes(
            registration_id, code_key=CODE_KEY, actor="user:1", now=NOON
        )


@for_each("change", [mute, give_up, pass_on, make_new_codes], fresh=True)
def test_what_changes_between_reading_and_sending_counts(
    app, smtp, monkeypatch, change
):
    """Reminders are read together, and each is looked at again before it goes out."""
    event = make_event()
    add_reminders(event, TWO_DAYS)
    register(event, "Bo", email="bo@example.org")
    ada = register(event, "Ada", email=ADA)
    deliver()
    smtp.received.clear()
    now = local_time("27 18:00")
    assert tasks.send_reminders(now) == 2
    read = render.load_bulk
    reads = []

    def read_too_early(claims):
        found = read(claims)
        if not reads:
            change(ada.registration_id)
        reads.append(len(found))
        return found

    monkeypatch.setattr(batches, "load_bulk", read_too_early)
    deliver(now)

    assert reads[0] == 2
    to_ada = [m for m in smtp.mails_to(ADA) if "days" in m["subject"]]
    if change is make_new_codes:
        [mail] = to_ada
        db.session.rollback()
        [person] = db.session.get_one(Registration, ada.registration_id).attendees
        code = tokens.attendee_code(CODE_KEY, person.uuid, person.code_version)
        text = mail.get_body(("plain",)).get_content()
        assert tokens.group_code(tokens.code_text(code)) in text
    else:
        assert to_ada == []
    assert [m for m in smtp.mails_to("bo@example.org") if "days" in m["subject"]]


def test_what_was_not_read_in_advance_is_read_again(app, smtp, monkeypatch):
    event = make_event()
    add_reminders(event, TWO_DAYS)
    register(event, "Ada", email=ADA)
    deliver()
    assert tasks.send_reminders(local_time("27 18:00")) == 1
    read = render.load_bulk

    def read_less(claims):
        found = read(claims)
        for message in found.values():
            del message.event.__dict__["admissions"]
            del message.registration.__dict__["admission"]
        return found

    monkeypatch.setattr(batches, "load_bulk", read_less)

    assert deliver(local_time("27 18:00")) == (1, 0, 0)
