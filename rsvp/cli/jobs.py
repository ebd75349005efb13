"""`rsvp jobs`: what goes on in the background."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import click

from rsvp.cli.base import Command, as_json
from rsvp.db import utcnow
from rsvp.models.jobs import CANNOT_BE_UNDONE

INSTANT = "%Y-%m-%d %H:%M:%S UTC"
MAILS = {
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
    work = job_queries.background_work(now)
    last = work.last_ran_at(now)
    rows = {row.name: row for row in work.jobs}
    names = [job.name for job in JOBS]
    names += [name for name in rows if name not in names]
    told = [facts(name, rows.get(name), now, work) for name in names]
    paused = [
        {"domain": d.domain, "until": iso(d.pause_until), "last_error": d.last_error}
        for d in work.paused
    ]
    if as_data:
        as_json(
            {
                "last_ran_at": iso(last),
                "clock_apart": apart_facts(work.apart),
                "workers_in_trouble": [
                    {
                        "host": worker.host,
                        "ends": worker.ends,
                        "ended_at": iso(worker.ended_at),
                        "why": worker.why,
                    }
                    for worker in work.troubled
                ],
                "jobs": told,
                "messages": dataclasses.asdict(work.mails),
                "mailings_sending": work.mailings_sending,
                "paused_domains": paused,
            }
        )
        return
    click.echo(f"A worker last ran at {last:{INSTANT}}." if last else unknown(work))
    for worker in work.troubled:
        click.echo(
            f"Workers on {worker.host} ended {worker.ends} times within a short time, "
            f"the last at {worker.ended_at:{INSTANT}}: {worker.why}"
        )
    if work.apart:
        click.echo(why_they_wait(work.apart))
    for each in told:
        click.echo(line(each))
    mails = dataclasses.asdict(work.mails)
    click.echo("Mails: " + ", ".join(f"{mails[k]} {word}" for k, word in MAILS.items()))
    if work.mailings_sending:
        click.echo(f"Mailings being written: {work.mailings_sending}")
    for each in paused:
        why = f" ({each['last_error']})" if each["last_error"] else ""
        click.echo(f"No mails to {each['domain']} until {each['until']}{why}")


def unknown(work: Any) -> str:
    if work.has_run:
        return "When a worker last ran is not known: it was noted by a wrong clock."
    return "None ran yet."


def apart_facts(apart: Any) -> dict[str, Any] | None:
    if apart is None:
        return None
    return {
        "stood_at": iso(apart.at),
        "last_run_at": iso(apart.last_run_at),
        "seconds": round(apart.by.total_seconds()),
    }


def why_they_wait(apart: Any) -> str:
    """Why jobs that can't be undone wait, in sentences."""
    days = apart.by / timedelta(days=1)
    return (
        f"The clock stood at {apart.at:{INSTANT}}, {days:.1f} days from the last run "
        f"({apart.last_run_at:{INSTANT}}). {' and '.join(CANNOT_BE_UNDONE)} wait until "
        "it has gone on like that for an hour: then the next run does them."
    )


def facts(name: str, row: Any, now: datetime, work: Any) -> dict[str, Any]:
    """A job as JSON has it; of one that never ran, that it is due, or on hold."""
    if row is None:
        nothing = dict.fromkeys(
            ("running_since", "behind_since", "holder", "finished_at", "last_error")
        )
        counts = {"runs": 0, "done": 0, "failures": 0}
        state = "on_hold" if work.is_held_back(name) else "due"
        return {"name": name, "state": state, "due_at": iso(now), **nothing, **counts}
    state = work.state_of(row, now)
    running = state == "running"
    return {
        "name": name,
        "state": str(state),
        "due_at": iso(row.due_at),
        "running_since": iso(row.started_at) if running else None,
        "behind_since": iso(row.due_at) if row.is_behind(now) else None,
        "holder": row.holder if running else None,
        "finished_at": iso(row.finished_at),
        "last_error": row.last_error,
        "runs": row.runs,
        "done": row.done,
        "failures": row.failures,
    }


def line(job: dict[str, Any]) -> str:
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


def iso(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="seconds") if instant else None
