"""`rsvp jobs`: state of background jobs and of the mail queue."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import click

from rsvp.cli.base import Command, print_json
from rsvp.db import utcnow
from rsvp.models.jobs import IRREVERSIBLE_JOBS

INSTANT_FORMAT = "%Y-%m-%d %H:%M:%S UTC"
MAIL_COUNT_LABELS = {
    "queued": "not gone out",
    "due": "due now",
    "being_sent": "being sent",
    "retrying": "waiting for another try",
    "of_mailings": "written by organizers",
    "failed": "given up within a day",
}


@click.command(cls=Command)
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def jobs(as_data: bool) -> None:
    """Show what is due, running and failed: each job, the mails, paused domains.

    It only reads, names nobody, and ends with exit status 0 whatever there is.
    """
    from rsvp.jobs.scheduler import JOBS
    from rsvp.queries import jobs as job_queries

    now = utcnow()
    work = job_queries.load_background_work(now)
    last = work.last_ran_at(now)
    rows = {row.name: row for row in work.jobs}
    names = [job.name for job in JOBS]
    names += [name for name in rows if name not in names]
    job_rows = [job_as_json(name, rows.get(name), now, work) for name in names]
    paused = [
        {
            "domain": d.domain,
            "until": iso_or_none(d.pause_until),
            "last_error": d.last_error,
        }
        for d in work.paused
    ]
    if as_data:
        print_json(
            {
                "last_ran_at": iso_or_none(last),
                "clock_apart": clock_as_json(work.untrusted_clock),
                "workers_in_trouble": [
                    {
                        "host": worker.host,
                        "ends": worker.ends,
                        "ended_at": iso_or_none(worker.ended_at),
                        "why": worker.why,
                    }
                    for worker in work.crashing_workers
                ],
                "jobs": job_rows,
                "messages": dataclasses.asdict(work.mails),
                "mailings_sending": work.mailings_sending,
                "paused_domains": paused,
            }
        )
        return
    click.echo(
        f"A worker last ran at {last:{INSTANT_FORMAT}}."
        if last
        else never_ran_text(work)
    )
    for worker in work.crashing_workers:
        click.echo(
            f"Workers on {worker.host} ended {worker.ends} times within a short time, "
            f"the last at {worker.ended_at:{INSTANT_FORMAT}}: {worker.why}"
        )
    if work.untrusted_clock:
        click.echo(on_hold_text(work.untrusted_clock))
    for each in job_rows:
        click.echo(job_line(each))
    mails = dataclasses.asdict(work.mails)
    click.echo(
        "Mails: "
        + ", ".join(f"{mails[k]} {word}" for k, word in MAIL_COUNT_LABELS.items())
    )
    if work.mailings_sending:
        click.echo(f"Mailings being written: {work.mailings_sending}")
    for each in paused:
        reason = f" ({each['last_error']})" if each["last_error"] else ""
        click.echo(f"No mails to {each['domain']} until {each['until']}{reason}")


def never_ran_text(work: Any) -> str:
    if work.has_run:
        return "When a worker last ran is not known: it was noted by a wrong clock."
    return "None ran yet."


def clock_as_json(apart: Any) -> dict[str, Any] | None:
    if apart is None:
        return None
    return {
        "stood_at": iso_or_none(apart.at),
        "last_run_at": iso_or_none(apart.last_run_at),
        "seconds": round(apart.difference.total_seconds()),
    }


def on_hold_text(apart: Any) -> str:
    """Why jobs that can't be undone wait, in sentences."""
    days = apart.difference / timedelta(days=1)
    return (
        f"The clock stood at {apart.at:{INSTANT_FORMAT}}, {days:.1f} days from the last"
        f" run ({apart.last_run_at:{INSTANT_FORMAT}})."
        f" {' and '.join(IRREVERSIBLE_JOBS)} wait until it has gone on like that for an"
        " hour: then the next run does them."
    )


def job_as_json(name: str, row: Any, now: datetime, work: Any) -> dict[str, Any]:
    """A job as JSON has it; of one that never ran, that it is due, or on hold."""
    if row is None:
        nothing = dict.fromkeys(
            ("running_since", "behind_since", "holder", "finished_at", "last_error")
        )
        counts = {"runs": 0, "done": 0, "failures": 0}
        state = "on_hold" if work.is_on_hold(name) else "due"
        return {
            "name": name,
            "state": state,
            "due_at": iso_or_none(now),
            **nothing,
            **counts,
        }
    state = work.state_of(row, now)
    running = state == "running"
    return {
        "name": name,
        "state": str(state),
        "due_at": iso_or_none(row.due_at),
        "running_since": iso_or_none(row.started_at) if running else None,
        "behind_since": iso_or_none(row.due_at) if row.is_behind(now) else None,
        "holder": row.holder if running else None,
        "finished_at": iso_or_none(row.finished_at),
        "last_error": row.last_error,
        "runs": row.runs,
        "done": row.done,
        "failures": row.failures,
    }


def job_line(job: dict[str, Any]) -> str:
    if job["state"] == "running":
        more = f"since {job['running_since']} by {job['holder']}"
    else:
        word = "due since" if job["behind_since"] else "due at"
        more = f"{word} {job['due_at']}"
        if job["state"] == "ahead":
            more = f"due now; {job['due_at']} was written by a clock that ran ahead"
        if job["finished_at"]:
            more += f", finished at {job['finished_at']}, {job['done']} done"
    if job["failures"]:
        more += f"; failed {job['failures']} times: {job['last_error']}"
    return f"{job['name']:<10} {job['state']:<8} {more}"


def iso_or_none(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="seconds") if instant else None
