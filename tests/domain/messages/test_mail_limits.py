"""Causes: what strangers can have mailed, and that no mailbox gets more of it."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from sqlalchemy import event as hooks
from sqlalchemy import func, select

from rsvp import errors
from rsvp.db import write, write_optimistic
from rsvp.domain import invariants, privacy
from rsvp.domain.messages import mail_limits, outbox
from rsvp.domain.messages.mail_limits import (
    RULES_BY_KIND,
    TRUSTED_CAUSES,
    UNPROVED_CAUSES,
    Cause,
    LimitRule,
)
from rsvp.domain.registrations import address_proof, changes, create, transfer
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.extensions import db
from rsvp.jobs.tasks import forget_mail_counts
from rsvp.models import AuditEntry, Message
from rsvp.models.audit import Verb
from rsvp.models.message import ACCOUNT_KINDS, MessageKind
from rsvp.queries import events as event_queries
from tests.support.factories import (
    CODE_KEY,
    NOON,
    cancel,
    load_registration,
    make_event,
    register,
)
from tests.support.for_each import for_each
from tests.support.registrations import (
    audit_entries,
    commit,
    messages_of,
    register_in_state,
    run_at_once,
    set_columns,
)

pytestmark = pytest.mark.one_engine

HERE, THERE = b"h" * 16, b"t" * 16
LINK = {"actor": "attendee", "now": NOON}


def rename(outcome, name, now=NOON, network=None):
    """Another name for Ada, by her link; whether it was mailed."""
    own, people = outcome.registration_id, {0: RequestedAttendee(name)}
    who = {"actor": "attendee", "now": now}
    with mail_limits.counting_network(network) if network else contextlib.nullcontext():
        assert commit(lambda: changes.change_details(own, people, **who))
    return outbox.was_mailed(own, now)


def prove(outcome, now=NOON):
    mine = load_registration(outcome)
    own, event, version = mine.id, mine.event_id, mine.link_version
    return commit(lambda: address_proof.prove_address(own, event, version, now=now))


def planned(event, email):
    page = event_queries.load_detached_event(event.slug)
    return create.prepare(
        page,
        create.RegistrationRequest(
            admission_id=page.admissions[0].id,
            email=email,
            email_key=email,
            party=(RequestedAttendee("Ada Bell"),),
        ),
        code_key=CODE_KEY,
        now=NOON,
    )


def made(plan):
    return write_optimistic(create.register, plan).state


def counted(now=NOON) -> int:
    db.session.rollback()
    wanted = select(func.count(Message.id)).where(Message.mailbox.is_not(None))
    return db.session.scalar(wanted.where(Message.created_at <= now)) or 0


# --- the table ----------------------------------------------------------------------


def test_each_kind_of_mail_says_who_can_cause_it_and_what_counts():
    assert set(RULES_BY_KIND) == set(MessageKind)
    for kind, rules in RULES_BY_KIND.items():
        assert rules, kind
        strangers = {
            cause: rule for cause, rule in rules.items() if cause in UNPROVED_CAUSES
        }
        if kind == MessageKind.PASSWORD_RESET:
            assert rules == {Cause.ANYBODY_FOR_ACCOUNT: LimitRule.BY_ACCOUNT}
            continue
        # Nobody is kept from what they, the organizers or a rule have caused.
        assert TRUSTED_CAUSES.items() <= rules.items(), kind
        ends = kind in (MessageKind.CANCELLED, MessageKind.PASSED_ON)
        assert set(strangers.values()) <= {
            LimitRule.ALWAYS if ends else LimitRule.COUNTED
        }, kind
        assert not (strangers and kind in ACCOUNT_KINDS)
    for kind in MessageKind:
        assert not mail_limits.is_counted(kind, Cause.ORGANIZER)
        stands_there = Cause.LINK in RULES_BY_KIND[kind]
        assert mail_limits.is_counted(kind, Cause.LINK) or stands_there, kind


# --- a mailbox ----------------------------------------------------------------------


SPELLINGS = ("adabell@gmail.com", "ada.bell@gmail.com", "A.d.a.bell+1@googlemail.com")


@pytest.mark.both_engines
def test_all_spellings_of_a_mailbox_share_one_limit(app):
    evenings = [make_event(several=True) for _ in range(3)]

    for number in range(3):
        register(evenings[0], email=SPELLINGS[number].lower())
    assert not register(evenings[0], email="adabell+4@gmail.com").is_mailed
    for number in range(3):
        register(evenings[1], email=SPELLINGS[number].lower())
    assert not register(evenings[2], email="ad.abell@gmail.com").is_mailed
    assert register(evenings[2], email="adabell@example.org").is_mailed
    for later, event in ((timedelta(hours=1), 2), (timedelta(days=1), 0)):
        again = register(evenings[event], email=SPELLINGS[0], now=NOON + later)
        assert again.is_mailed == (later == mail_limits.A_DAY)
    assert invariants.find_problems(NOON) == []


@pytest.mark.both_engines
def test_two_at_once_find_room_for_three(app):
    event = make_event(several=True)
    plans = [planned(event, f"ada+{number}@example.org") for number in range(6)]

    came = run_at_once(app, *(lambda plan=plan: made(plan) for plan in plans))

    assert came == ["confirmed"] * 6
    assert counted() == 3


# --- a link -------------------------------------------------------------------------


def test_changes_over_the_limit_are_made_and_the_reason_is_kept(app):
    _event, party = register_in_state("confirmed")

    told = [rename(party, name) for name in ("Ada B", "Ada C", "Ada D", "Ada E")]

    assert told[:2] == [True, True]
    kinds = [mail.kind for mail in messages_of(party)]
    assert kinds == ["confirmation", "changed", "changed"]
    assert load_registration(party).name == "Ada E"
    reasons = [e for e in audit_entries(party) if e.verb == Verb.NOT_MAILED]
    assert [e.details for e in reasons] == 2 * [
        {"kind": "changed", "cause": "link", "why": "over_the_limit"}
    ]
    assert invariants.find_problems(NOON) == []
    # That the place has ended is mailed all the same.
    cancel(party)
    assert messages_of(party)[-1].kind == "cancelled"
    assert messages_of(party)[-1].mailbox is None


def test_a_change_without_mail_or_reason_is_a_broken_invariant(app):
    _event, party = register_in_state("confirmed")
    for name in ("Ada B", "Ada C", "Ada D"):
        rename(party, name, now=NOON)
    with_reason = invariants.find_problems(NOON)
    set_columns({"verb": "something"}, AuditEntry, AuditEntry.verb == Verb.NOT_MAILED)
    set_columns(
        {"created_at": NOON - timedelta(hours=2)}, Message, Message.kind == "changed"
    )

    assert with_reason == []
    assert {problem.rule for problem in invariants.find_problems(NOON)} == {"I3"}


def test_whoever_has_proved_the_address_is_told_of_each_change(app):
    _event, party = register_in_state("confirmed")

    assert prove(party) is True
    assert prove(party) is False
    told = [rename(party, f"Ada {letter}") for letter in "BCDEFGHI"]

    assert all(told)
    assert counted() == 1


def test_an_older_link_proves_nothing_any_more(app):
    _event, party = register_in_state("confirmed")
    mine = load_registration(party)
    own, event, version = mine.id, mine.event_id, mine.link_version
    new = {"email": "bo@example.org", "email_key": "bo@example.org"}
    commit(lambda: transfer.correct_address(own, code_key=CODE_KEY, **new, **LINK))

    assert not commit(
        lambda: address_proof.prove_address(own, event, version, now=NOON)
    )
    assert load_registration(party).proved_at is None


def test_another_address_or_holder_has_proved_nothing(app):
    for verb, more in (
        (transfer.correct_address, {}),
        (transfer.transfer_registration, {"name": "Bo"}),
    ):
        _event, party = register_in_state("confirmed")
        prove(party)
        own, key = party.registration_id, f"{verb.__name__}@example.org"
        new = {"email": key, "email_key": key, "code_key": CODE_KEY} | more
        commit(lambda verb=verb, own=own, new=new: verb(own, **new, **LINK))

        assert load_registration(party).proved_at is None
        assert [m.mailbox for m in messages_of(party) if m.recipient == key] != [None]


def test_changes_from_one_network_cause_twenty_mails_an_hour(app):
    event = make_event(
        {"capacity": None},
        party_max=1,
        starts=(NOON + timedelta(days=20)).replace(tzinfo=None),
    )
    parties = [register(event, email=f"ada-{n}@example.org") for n in range(22)]

    told = [rename(one, f"Ada {n}", network=HERE) for n, one in enumerate(parties)]

    assert told == [True] * 20 + [False] * 2
    assert rename(
        parties[20], "Another", now=NOON + timedelta(seconds=1), network=THERE
    )
    later = NOON + timedelta(hours=1, seconds=2)
    assert rename(parties[21], "Ada Later", now=later, network=HERE)
    prove(parties[0])
    assert rename(parties[0], "Ada Bell", now=later, network=HERE)
    assert invariants.find_problems(later) == []


@pytest.mark.both_engines
def test_changes_from_one_network_at_once_are_counted_in_turn(app, monkeypatch):
    monkeypatch.setattr(mail_limits, "MAX_PER_HOUR_AND_NETWORK", 2)
    # At several events, whose locks are not each other's.
    owns = [
        register(make_event(), email=f"ada-{n}@example.org").registration_id
        for n in range(5)
    ]

    def rename_at_once(own):
        def verb():
            return changes.change_details(own, {0: RequestedAttendee("Bo")}, **LINK)

        write(mail_limits.run_for_network, HERE, verb)
        return outbox.was_mailed(own, NOON)

    came = run_at_once(app, *(lambda own=own: rename_at_once(own) for own in owns))

    assert came == [False] * 3 + [True] * 2


@for_each("values", [{}, {"discreet": True}, {"confirm_address": True}])
def test_nothing_is_handed_over_in_vain_but_where_only_mails_answer(app, values):
    _event, party = register_in_state(
        "held" if "confirm_address" in values else "confirmed", **values
    )
    other = make_event(several=True)
    for _ in range(6):
        register(
            other, email="bo@example.org", now=NOON - timedelta(hours=3) * (_ // 3)
        )
    own = party.registration_id
    new = {"email": "bo@example.org", "email_key": "bo@example.org"}

    def correct():
        return commit(
            lambda: transfer.correct_address(own, code_key=CODE_KEY, **new, **LINK)
        )

    if not values:
        with pytest.raises(errors.TooManyMails):
            correct()
        assert load_registration(party).email == "ada@example.org"
    else:
        assert correct()
        assert load_registration(party).email == "bo@example.org"
        assert not outbox.was_mailed(own, NOON)
    assert "bo@example.org" not in {mail.recipient for mail in messages_of(party)}
    assert invariants.find_problems(NOON) == []


# --- what is kept of it -------------------------------------------------------------


def test_erasing_a_stranger_by_the_link_makes_no_room_for_more(app):
    event = make_event()

    for _ in range(3):
        party = register(event, email="ada@example.org")
        own = party.registration_id
        commit(lambda own=own: privacy.erase_registration(own, **LINK))

    assert [mail.recipient for mail in messages_of(party)] == [""]
    assert not register(event, email="ada@example.org").is_mailed


def test_an_organizer_erases_what_is_counted_too(app):
    party = register(make_event(), email="ada@example.org")
    who = {"actor": "user:1", "now": NOON}

    commit(lambda: privacy.erase_registration(party.registration_id, **who))

    assert counted() == 0


@pytest.mark.both_engines
def test_what_is_counted_is_gone_after_a_day(app, monkeypatch):
    monkeypatch.setattr(mail_limits, "FORGET_BATCH_SIZE", 2)
    event = make_event(several=True)
    for number in range(3):
        register(event, email=f"ada-{number}@example.org")
    register(event, email="bo@example.org", now=NOON + timedelta(hours=2))

    assert forget_mail_counts(NOON + timedelta(hours=23)) == 0
    assert forget_mail_counts(NOON + timedelta(hours=25)) == 3
    assert counted(NOON + timedelta(days=2)) == 1
    marks = db.session.scalars(select(Message.mailbox)).all()
    assert b"bo@example.org" not in b"".join(filter(None, marks))


@pytest.mark.both_engines
def test_a_rush_writes_nothing_more_than_the_mail(app):
    """Counting is one read; on PostgreSQL the mailbox's lock comes to it."""
    said: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        said.append(statement.split()[0])

    event = make_event()
    hooks.listen(db.engine, "before_cursor_execute", note)
    try:
        register(event, email="ada@example.org")
    finally:
        hooks.remove(db.engine, "before_cursor_execute", note)
    writes = [word for word in said if word in ("INSERT", "UPDATE", "DELETE")]
    assert writes == ["INSERT"] * 4 + ["UPDATE"]


def test_lost_mails_count_in_whatever_spelling(app):
    event = make_event(several=True)
    register(event, email="ada+one@example.org")
    register(event, email="ada+two@example.org")

    def lost(key):
        return write(transfer.resend_links, key, now=NOON)

    assert lost("ada+one@example.org") == 1
    assert lost("ada+two@example.org") == 0
