"""Restored: what ends with it, and what was erased since stays erased."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rsvp import security as account_security
from rsvp import tokens
from rsvp.db import Base, write, writing
from rsvp.domain import after_restore, mailings, privacy
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import Device, DoorPass, Event, Mailing, Message, Registration, User
from rsvp.models.mailing import MailingState
from tests.backup.backed_up_event import LATER, drop_tables, registered_emails
from tests.backup.conftest import Site
from tests.support.factories import (
    CODE_KEY,
    NOON,
    load_registration,
    make_event,
    register,
)
from tests.support.matching import has_word

# --- what ends ----------------------------------------------------------------------


def test_sign_ins_links_passes_and_phones_end(site, evening):
    with site.used() as app:
        event = db.session.get_one(Event, site.event_id)
        user = db.session.scalars(select(User)).one()
        mark, link = (
            user.fs_uniquifier,
            account_security.password_reset_link(user, LATER),
        )
        made = write(
            passes.create_pass,
            event.id,
            code_key=CODE_KEY,
            actor="command",
            at_once=True,
            now=NOON,
        )
        with writing():
            passes.enrol_device(made.id, "Main", tokens.new_device_secret(), now=NOON)
        assert account_security.find_user_by_reset_token(link.rsplit("/", 1)[1], LATER)
        assert app
    done = site.restore(site.back_up(), replace=True, now=LATER)

    assert (done.now.ended.accounts, done.now.ended.passes) == (1, 1)
    assert done.now.ended.phones == 1
    with site.used():
        user = db.session.scalars(select(User)).one()
        assert user.fs_uniquifier != mark
        assert (
            account_security.find_user_by_reset_token(link.rsplit("/", 1)[1], LATER)
            is None
        )
        assert db.session.scalars(select(DoorPass.revoked_at)).all() == [LATER]
        assert db.session.scalars(select(Device.revoked_at)).all() == [LATER]


def test_mails_that_were_due_are_held_back_where_mails_go_out(site, evening):
    waiting = site.restore(evening, replace=True, now=LATER).now
    assert (waiting.ended.mails, waiting.waiting) == (0, 2)

    sends = {"MAIL_SERVER": "mail.example.org"}
    held = site.restore(evening, replace=True, now=LATER, config=sends).now
    assert (held.ended.mails, held.waiting) == (2, 0)
    with site.used():
        errors = db.session.scalars(select(Message.last_error)).all()
        assert set(errors) == {after_restore.HELD_BACK_REASON}

    asked = {"config": sends, "send_waiting": True}
    sent = site.restore(evening, replace=True, now=LATER, **asked).now
    assert (sent.ended.mails, sent.waiting) == (0, 2)


def test_a_mailing_whose_time_came_meanwhile_is_not_sent_again(sqlite_site):
    site = sqlite_site
    with site.used():
        event = make_event()
        for number, send_at in enumerate((LATER, LATER + timedelta(days=9))):
            with writing() as session:
                session.add(
                    Mailing(
                        event_id=event.id,
                        subject=f"Bring a bowl {number}",
                        text="And a spoon.",
                        created_at=NOON,
                        created_by="user:1",
                        state=MailingState.SCHEDULED,
                        send_at=send_at,
                    )
                )
    sends = {"MAIL_SERVER": "mail.example.org"}
    now = LATER + timedelta(days=1)
    done = site.restore(site.back_up(), replace=True, now=now, config=sends)

    assert done.now.ended.mailings == 1
    with site.used():
        states = db.session.scalars(select(Mailing.state).order_by(Mailing.id)).all()
        assert states == ["stopped", "scheduled"]
        assert mailings.due_mailings(now) == []


def test_accounts_it_brings_back_are_known(site, evening):
    with site.used(), writing() as session:
        session.execute(update(User).values(active=False))
    make = site.restore(evening, replace=True, now=LATER)

    assert make.now.accounts == {"ada@example.org": True}
    assert make.before.accounts == {"ada@example.org": False}


# --- what was erased since ----------------------------------------------------------


def erase_zoe(site: Site, now=LATER) -> None:
    with site.used():
        write(
            privacy.erase_registration,
            site.zoe.registration_id,
            actor="attendee",
            now=now,
        )


@pytest.mark.parametrize("known_by", ["file", "the old database", "another machine"])
def test_who_was_erased_since_stays_erased(site, evening, known_by, tmp_path):
    erase_zoe(site)
    noted = site.folder / "erasures"
    assert not has_word(noted.read_text(), "zoe")
    assert noted.stat().st_mode & 0o077 == 0
    wishes = {}
    if known_by == "the old database":
        noted.unlink()
    else:
        if known_by == "another machine":
            wishes["erasures"] = [noted.rename(tmp_path / "erasures")]
        forget_audit(site)
    done = site.restore(evening, replace=True, now=LATER, **wishes)

    assert done.now.erased == 1
    with site.used():
        assert registered_emails() == ["", "ben@example.org"]
        assert load_registration(site.zoe).state == "cancelled"
        assert db.session.get_one(Event, site.event_id).admissions[0].seats_taken == 1
        everything = str([db.session.execute(t.select()).all() for t in TABLES])
        assert not [name for name in ("zoe@", "Ødegård") if name in everything]
    # Also another time, without that database.
    forget_audit(site)
    again = site.restore(evening, replace=True, now=LATER)
    assert again.now.erased == 1


TABLES = Base.metadata.sorted_tables


def forget_audit(site: Site) -> None:
    with site.used(), writing() as session:
        session.execute(
            Base.metadata.tables["audit_entries"]
            .delete()
            .where(Base.metadata.tables["audit_entries"].c.verb.like("erase%"))
        )


def test_what_was_erased_of_an_event_stays_erased_whatever_its_rules_were(site):
    with site.used():
        event = make_event(questions=({"key": "diet", "keep_days": 2},))
        other = make_event()
        for each in (event, other):
            register(each, email="zoe@example.org", answers={"diet": "nuts"})
        ids = [event.id, other.id]
    path = site.back_up()
    much_later = NOON + timedelta(days=20)
    with site.used():
        # Its organizers had moved the end, which the backup does not know.
        with writing() as session:
            session.execute(
                update(Event).where(Event.id == ids[1]).values(retention_days=0)
            )
        for event_id in ids:
            with writing():
                privacy.erase_due(event_id, actor="worker", now=much_later)
    done = site.restore(path, replace=True, now=NOON + timedelta(days=15))

    assert done.now.erased == 2
    with site.used():
        first, second = db.session.scalars(select(Registration)).all()
        assert (first.email, first.answers) == ("zoe@example.org", {})
        assert second.is_erased


def test_an_erasure_is_repeated_although_they_are_in_by_the_backup(site, evening):
    from tests.support.door import make_phone, record_scan

    with site.used():
        event = db.session.get_one(Event, site.event_id)
        evening_at = event.starts_at
        phone = make_phone(event)
        people = load_registration(site.zoe).attendees
        record_scan(phone, people[0], at=evening_at)
    path = site.back_up()
    forgotten = {"at": LATER.isoformat(), "registration": site_uuid(site)}
    (site.folder / "erasures").write_text(str(forgotten).replace("'", '"') + "\n")
    done = site.restore(path, replace=True, now=evening_at + timedelta(hours=1))

    assert done.now.erased == 1
    assert done.now.problems == []
    with site.used():
        zoe = load_registration(site.zoe)
        assert (zoe.email, zoe.state) == ("", "confirmed")


def site_uuid(site: Site) -> str:
    with site.used():
        return load_registration(site.zoe).uuid.hex


def test_it_says_where_it_does_not_know_what_was_erased(site, evening, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    place = Site(other, dict(site.settings))
    if not site.is_sqlite:
        # Whose database is gone, too.
        drop_tables(site)
    assert not place.restore(evening, now=LATER).now.erasures_known
    # From here on it does.
    taken = place.back_up(now=NOON + timedelta(days=900))
    assert place.restore(taken, replace=True).now.erasures_known
