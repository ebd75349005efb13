"""Jobs: the state of background jobs, mail delivery and workers, for team managers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import abort, current_app
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta, ngettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from rsvp.clocks import MAX_CLOCK_SKEW
from rsvp.db import utcnow
from rsvp.domain import teams
from rsvp.domain.teams import Action
from rsvp.models import Job, MailDomain, Worker
from rsvp.queries import jobs as job_queries
from rsvp.queries.jobs import JobState
from rsvp.text import states
from rsvp.web import guards
from rsvp.web.organizer import bp, layout

JOB_LABELS = {
    "settle": _l("Offers and held places whose time is over"),
    "close": _l("Places of those who did not say whether they come"),
    "ask": _l("Asking people whether they still come"),
    "remind": _l("Reminders and thank-yous"),
    "mailings": _l("What organizers write"),
    "erase": _l("Erasing what is past keeping"),
    "domains": _l("Forgetting what is known of domains"),
    "counts": _l("Forgetting whose mails were counted"),
    "deliver": _l("Sending mails"),
    "rounds": _l("Looking for what is due"),
}
"""The jobs, in the order in which the page shows them; others come last."""


@dataclass(frozen=True)
class JobRow:
    """A job as the page shows it; `state` is a pill."""

    label: Any
    state: states.StateLabel
    ran: str | LazyString
    trouble: str


IS_RUNNING = states.StateLabel("offered", _l("Running"))
IS_WELL = states.StateLabel("confirmed", _l("Well"))
IS_ON_HOLD = states.StateLabel("late", _l("On hold"))
IS_BEHIND = states.StateLabel("late", _l("Behind"))
STANDS_STILL = states.StateLabel("late", _l("No worker"))
HAS_FAILED = states.StateLabel("cancelled", _l("Failed"))

JOB_STATE_LABELS = {
    JobState.RUNNING: IS_RUNNING,
    JobState.ON_HOLD: IS_ON_HOLD,
    JobState.FAILED: HAS_FAILED,
    JobState.AHEAD: IS_BEHIND,
    JobState.BEHIND: IS_BEHIND,
}


@bp.get("/work")
@guards.signed_in
def show_jobs() -> ResponseReturnValue:
    if not teams.may_anywhere(layout.signed_in_user(), Action.MANAGE_TEAM):
        abort(404)
    now = utcnow()
    work = job_queries.load_background_work(now)
    last_ran_at = work.last_ran_at(now)
    works = work.is_at_work(now)
    idle_time = (
        None if works or last_ran_at is None else duration_text(now - last_ran_at)
    )
    order = list(JOB_LABELS)
    jobs = sorted(
        work.jobs, key=lambda j: (j.name not in JOB_LABELS, *job_order(j, order))
    )
    return layout.render_page(
        "jobs.html",
        mails=work.mails,
        mailings_sending=work.mailings_sending,
        jobs=[
            job_row(each, work.state_of(each, now), now, works=works) for each in jobs
        ],
        untrusted_clock=clock_row(work.untrusted_clock),
        paused=[domain_row(each, now) for each in work.paused],
        idle_for=idle_time,
        never_ran=not work.has_run,
        is_known=works or last_ran_at is not None,
        crashing_workers=[worker_row(each, now) for each in work.crashing_workers],
        has_mail_server=bool(current_app.config["MAIL_SERVER"]),
    )


def job_order(job: Job, order: list[str]) -> tuple[int, str]:
    return (order.index(job.name) if job.name in order else 0, job.name)


def worker_row(worker: Worker, now: datetime) -> dict[str, Any]:
    """Workers of a machine that ended shortly after one another."""
    ago = duration_text(now - (worker.ended_at or now))
    return {"ends": worker.ends, "ago": ago, "why": worker.why}


def clock_row(apart: job_queries.UntrustedClock | None) -> dict[str, str] | None:
    """The clock that stands apart from the last run, in words."""
    if apart is None:
        return None
    return {
        "stood": f"{apart.at:%Y-%m-%d %H:%M} UTC",
        "ran": f"{apart.last_run_at:%Y-%m-%d %H:%M} UTC",
        "by": duration_text(apart.difference),
    }


def job_row(job: Job, state: JobState, now: datetime, *, works: bool) -> JobRow:
    """How it stands with a job; `works`: a worker has run lately."""
    finished_at = job.finished_at
    if state == JobState.RUNNING and job.started_at:
        ran = _l("for %(time)s", time=duration_text(now - job.started_at))
    elif finished_at and finished_at > now + MAX_CLOCK_SKEW:
        ran = _l("nobody knows when: the server’s clock was ahead")
    elif finished_at:
        ran = _l("%(time)s ago", time=duration_text(now - finished_at))
        if job.done:
            ran = _l("%(ran)s, %(number)d done", ran=ran, number=job.done)
    else:
        ran = _l("not yet")
    return JobRow(
        JOB_LABELS.get(job.name, job.name),
        JOB_STATE_LABELS.get(state, IS_WELL if works else STANDS_STILL),
        ran,
        trouble_text(job, state, now),
    )


def trouble_text(job: Job, state: JobState, now: datetime) -> str:
    """What is wrong with it, in sentences."""
    sentences: list[str | LazyString] = []
    if job.failures:
        failed = ngettext(
            "It failed, and is tried again: %(why)s",
            "It failed %(num)d times in a row, and is tried again: %(why)s",
            job.failures,
            why=job.last_error,
        )
        sentences.append(failed)
    if state == JobState.ON_HOLD:
        sentences.append(_l("It waits until the server’s clock is trusted."))
        return " ".join(map(str, sentences))
    if state == JobState.AHEAD:
        sentences.append(
            _l("Due now: a clock that was ahead set its next time too late.")
        )
    if job.is_behind(now):
        time = duration_text(now - job.due_at)
        sentences.append(_l("It has been due for %(time)s.", time=time))
    return " ".join(map(str, sentences))


def domain_row(paused: MailDomain, now: datetime) -> dict[str, Any]:
    left = (paused.pause_until or now) - now
    return {
        "name": paused.domain,
        "left": duration_text(left),
        "why": paused.last_error,
    }


def duration_text(time: timedelta) -> str:
    """A length of time in its largest unit: `14 minutes`."""
    return format_timedelta(max(time, timedelta(seconds=1)), threshold=1.5)
