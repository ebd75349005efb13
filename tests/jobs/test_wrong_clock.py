"""A server's clock that is wrong for seconds: what it wrote meanwhile stops nothing."""

from __future__ import annotations

from datetime import timedelta

from celery import Celery
from sqlalchemy import select, update

from rsvp.celery_beat import Beat
from rsvp.db import writing
from rsvp.domain.accounts import password_reset
from rsvp.domain.messages import delivery_failures, mail_limits, outbox
from rsvp.extensions import db
from rsvp.jobs import scheduler, tasks
from rsvp.jobs.delivery import claims, domain_backoff, sender
from rsvp.jobs.scheduler import JOBS, run_due_jobs
from rsvp.models import Event, Job, MailDomain, Mailing, Message, Registration
from rsvp.models.mailing import MailingState
from rsvp.models.message import MAX_RETRY_DELAY
from tests.support.factories import NOON, make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.mailings import draft_mailing, schedule_mailing
from tests.support.outbox import MINUTE, all_messages, deliver
from tests.support.reminders import TWO_DAYS, add_reminders, local_time

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
AHEAD = [2 * DAY, 60 * DAY, 366 * DAY]
LEAPS = [*AHEAD, *(-leap for leap in AHEAD)]
ADA = "ada@example.org"

ahead = for_each("leap", AHEAD, ids=lambda leap: f"{leap.days} days", fresh=True)
leaps = for_each("leap", LEAPS, ids=lambda leap: f"{leap.days} days", fresh=True)


# --- jobs ---------------------------------------------------------------------------


@leaps
def test_every_job_goes_on_at_its_own_pace(app, leap):
    run_due_jobs(NOON)
    run_due_jobs(NOON + leap, early=True)

    ran = {job.name: [] for job in JOBS}
    for minutes in (1, 61, 122):
        for name in run_due_jobs(NOON + minutes * MINUTE):
            ran[name].append(minutes)
    assert all({61, 122} <= set(minutes) for minutes in ran.values()), ran


@ahead
def test_one_that_failed_meanwhile_is_tried_again_and_waits_no_longer(app, leap):
    run_due_jobs(NOON)
    with writing():
        failed = {"failures": 9, "due_at": NOON + leap + 10 * MINUTE}
        db.session.execute(update(Job).values(failed))
    assert set(run_due_jobs(NOON + MINUTE)) == {job.name for job in JOBS}


@ahead
@for_each("early", [False, True], ids=["worker", "once"], fresh=True)
def test_a_lease_of_another_machine_that_cannot_be_so_long_holds_nothing_up(
    app, leap, early
):
    run_due_jobs(NOON)
    with writing():
        taken = {"holder": "elsewhere:1:1", "lease_until": NOON + leap}
        db.session.execute(update(Job).values(taken | {"due_at": NOON}))
    assert set(run_due_jobs(NOON, early=early)) == {job.name for job in JOBS}


def test_a_clock_of_another_machine_that_is_minutes_ahead_takes_no_job_away(app):
    run_due_jobs(NOON)
    with writing():
        held = NOON + scheduler.LEASE + 3 * MINUTE
        taken = {"holder": "elsewhere:1:1", "lease_until": held, "due_at": NOON}
        db.session.execute(update(Job).values(taken))
    assert run_due_jobs(NOON + MINUTE) == {}


@leaps
def test_celerys_beat_goes_on_ringing(leap, tmp_path):
    celery = Celery("test", broker="memory://", set_as_current=False)
    celery.conf.beat_schedule = {
        name: {"task": name, "schedule": 5.0} for name in ("round", "deliver")
    }
    beat = Beat(app=celery, schedule_filename=str(tmp_path / "schedule"))
    rung = []
    beat.apply_entry = lambda entry, **_: rung.append(entry.name)
    beat.tick()
    try:
        for entry in beat.schedule.values():
            entry.last_run_at = celery.now() + leap
        beat.populate_heap()  # it leapt while beat was running
        pauses = [beat.tick() for _ in range(4)]
        last = [entry.last_run_at for entry in beat.schedule.values()]
    finally:
        beat.close()
    ours = {"round", "deliver"} & set(rung)
    assert ours == ({"round", "deliver"} if leap < timedelta(0) else set())
    assert max(pauses) <= 5
    assert max(last) <= celery.now()


# --- mails --------------------------------------------------------------------------


@ahead
def test_a_mail_that_was_written_meanwhile_goes_out(app, smtp, leap):
    register(make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY), now=NOON + leap)
    assert deliver(NOON + MINUTE) == (1, 0, 0)


@leaps
def test_one_that_was_put_off_meanwhile_is_tried_again(app, smtp, leap):
    register(make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY), now=NOON)
    smtp.script.append("451 later")
    with writing():  # it was due then already
        db.session.execute(update(Message).values(due_at=NOON - 400 * DAY))
    assert deliver(NOON + leap) == (0, 1, 0)
    assert deliver(NOON + 2 * MINUTE) == (1, 0, 0)


@ahead
def test_one_in_the_hands_of_a_worker_that_died_meanwhile_goes_out(app, smtp, leap):
    event = make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY)
    register(event, email=ADA)
    register(event, email="grace@example.org")
    assert len(claims.claim_due(NOON + leap, 1)) == 1

    assert deliver(NOON + MINUTE) == (2, 0, 0)


def test_a_lease_that_another_machines_clock_accounts_for_holds(app, smtp):
    register(make_event())
    assert claims.claim_due(NOON + 4 * MINUTE, 1)
    assert deliver(NOON) == (0, 0, 0)


@ahead
def test_a_newer_mail_replaces_what_nobody_sends_any_more(app, leap):
    outcome = register(make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY))
    claims.claim_due(NOON + leap, 1)
    with writing() as session:
        about = Message.registration_id == outcome.registration_id
        outbox.supersede(about, "confirmation", NOON)
        assert session.scalars(select(Message.state)).all() == ["superseded"]


@ahead
def test_a_domain_rests_no_longer_than_domains_do(app, smtp, leap):
    register(make_event(), email=ADA)
    with writing():
        domain_backoff.pause_domain("example.org", 0, "421 busy", NOON + leap)
    assert deliver(NOON + MINUTE) == (1, 0, 0)


@leaps
def test_mails_counted_in_a_minute_that_is_not_this_one_hold_up_none(
    app, smtp, leap, monkeypatch
):
    monkeypatch.setitem(app.config, "MAIL_PER_DOMAIN_PER_MINUTE", 1)
    register(make_event(), email=ADA)
    with writing():
        domain_backoff.count_claimed({"example.org": 1}, NOON + leap)
    assert deliver(NOON) == (1, 0, 0)
    db.session.rollback()
    known = db.session.get(MailDomain, "example.org")
    assert NOON <= known.window_at < NOON + MINUTE
    assert known.window_count == 1


@ahead
def test_what_is_known_of_a_domain_is_forgotten_all_the_same(app, leap):
    with writing():
        domain_backoff.count_claimed({"example.org": 1}, NOON + leap)
        domain_backoff.slow_down("slow.example", timedelta(seconds=30), NOON + leap)
    assert domain_backoff.forget_domains(NOON) == 2


def test_what_waits_for_the_morning_or_for_its_next_try_goes_no_earlier(app, smtp):
    """The longest that anything waits on purpose is shorter than what counts as due."""
    register(make_event())
    night = timedelta(hours=10)
    assert (
        max(*sender.RETRY_PAUSES, night, delivery_failures.MIN_NOTICE_INTERVAL)
        < MAX_RETRY_DELAY
    )
    with writing():
        db.session.execute(update(Message).values(due_at=NOON + MAX_RETRY_DELAY))
    assert deliver(NOON) == (0, 0, 0)
    assert deliver(NOON - SECOND) == (1, 0, 0)


def test_a_question_that_is_far_off_is_looked_at_now_and_then_and_waits(app, smtp):
    event = make_event({"capacity": 2}, ask_hours=48, answer_hours=24)
    register(event, email=ADA)
    deliver()
    assert tasks.send_reconfirmations(local_time("27 18:00")) == 1
    with writing():  # it is asked later after all
        db.session.get_one(Event, event.id).ask_hours = 26
    assert deliver(local_time("27 18:00")) == (0, 0, 0)
    assert all_messages()[-1].due_at <= local_time("28 8:00")
    assert deliver(local_time("28 9:00")) == (0, 0, 0)
    assert deliver(local_time("28 16:00")) == (1, 0, 0)


# --- who is kept out ----------------------------------------------------------------


@ahead
def test_forms_mail_somebody_who_had_all_their_mails_meanwhile(app, leap):
    event = make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY)
    outcome = register(event, email=ADA)
    with writing() as session:
        registration = session.get_one(Registration, outcome.registration_id)
        mailbox = mail_limits.mailbox_mark(ADA)
        for _ in range(mail_limits.MAX_PER_HOUR_AND_EVENT):
            outbox.enqueue_again(
                registration, cause=mail_limits.Cause.FORM, now=NOON + leap
            )
        assert mail_limits.is_mailbox_at_limit(mailbox, event.id, NOON + leap)
        assert not mail_limits.is_mailbox_at_limit(mailbox, event.id, NOON)


@leaps
def test_who_forgot_a_password_gets_a_mail_whatever_the_clock_was(app, leap):
    make_user(ADA)
    for _ in range(password_reset.MAX_PER_HOUR):
        with writing():
            password_reset.send_reset_link(ADA, now=NOON + leap)
    with writing():
        password_reset.send_reset_link(ADA, now=NOON)
    assert all_messages()[-1].created_at == NOON


# --- what goes to many --------------------------------------------------------------


@ahead
def test_what_an_organizer_sends_at_once_is_written_once_the_clock_is_right(app, leap):
    event = make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY)
    for _ in range(3):
        register(event)
    mailing_id = draft_mailing(event)
    schedule_mailing(mailing_id, now=NOON + leap)
    assert tasks.send_mailings(NOON + MINUTE) == 3
    db.session.rollback()
    assert db.session.get_one(Mailing, mailing_id).state == MailingState.SENT


@ahead
def test_what_is_planned_for_later_waits_for_its_time(app, leap):
    event = make_event(starts=NOON.replace(tzinfo=None) + 400 * DAY)
    register(event)
    schedule_mailing(draft_mailing(event), send_at=NOON + DAY)
    assert tasks.send_mailings(NOON) == 0
    assert tasks.send_mailings(NOON + DAY) == 1


@ahead
def test_a_reminder_made_meanwhile_goes_out_at_its_time(app, leap):
    event = make_event()
    register(event, email=ADA)
    add_reminders(event, TWO_DAYS)
    with writing() as session:
        (reminder,) = session.get_one(Event, event.id).reminders
        reminder.made_at = NOON + leap
        due_at = reminder.due_at
    assert tasks.send_reminders(due_at) == 1
