"""`rsvp serve`, `worker`, `init`, `demo` and `check`: running a site."""

from __future__ import annotations

import dataclasses
import os
from functools import partial

import click
from flask import Flask, current_app, url_for

from rsvp import config, site_addresses, startup
from rsvp.cli.base import Command, EarlyCommand, Mistake, as_json
from rsvp.cli.jobs import why_they_wait
from rsvp.clocks import read_steady
from rsvp.database import checks
from rsvp.db import utcnow, writing

INSTANT = "%Y-%m-%d %H:%M UTC"
BEHIND_THE_WEB = 10
"""How much nicer (nice(2)) a worker is than who answers people: on a busy machine mails
wait for pages, not pages for mails."""


def the_app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined]


@click.command(cls=EarlyCommand)
def init() -> None:
    """Bring the database up to date. Safe to repeat; an update needs it."""
    before = startup.schema_version()
    startup.initialise()
    after = startup.schema_version()
    where = config.where_data_is(the_app())
    if before == after:
        click.echo(f"The database is up to date: {where}")
    else:
        new = ", a new one" if before is None else ""
        click.echo(f"The database is now at version {after}{new}: {where}")


@click.command(cls=Command)
def demo() -> None:
    """Load demo data: events of each kind, with people, if there are no events yet."""
    if the_app().config["MAIL_SERVER"]:
        raise Mistake("a mail server is set, and the people in demo data don't exist")
    if not load_demo():
        raise Mistake("there are events already; demo data is for an empty database")
    click.echo("Demo data is loaded. `rsvp user create` makes an account to sign in.")


@click.command(cls=EarlyCommand)
@click.option(
    "--demo",
    "with_demo",
    is_flag=True,
    help="First bring the database up to date, and load demo data if it has no events "
    "and no mail server is set.",
)
@click.option("--no-worker", is_flag=True, help="Only answer; workers run elsewhere.")
def serve(with_demo: bool, no_worker: bool) -> None:
    """Run the site: web processes on RSVP_PORT, and the worker that sends mails."""
    app = the_app()
    if app.config["DEBUG"]:
        raise Mistake("`rsvp serve` is for real use: unset RSVP_DEBUG")
    if with_demo:
        startup.initialise()
        # Its people don't exist: with a mail server, their mails would go out.
        if not app.config["MAIL_SERVER"]:
            load_demo()
        else:
            click.echo(
                "No demo data: its people don't exist, and a mail server is set."
            )
    startup.verify(writes=True)
    from rsvp.cli import server as cli_server

    told = where_everything_is(app)
    app.config["HOST"] = config.read(
        "HOST",
        app.config["HOST"],
        lambda host: site_addresses.find_listening(host, app.config["PORT"]),
    )
    beside = None if no_worker else partial(work, app)
    cli_server.serve(app, beside, lambda: click.echo(told))


@click.command(cls=Command)
@click.option("--once", is_flag=True, help="Do all that there is to do, and end.")
@click.option("--json", "as_data", is_flag=True, help="With --once, for machines.")
def worker(once: bool, as_data: bool) -> None:
    """Send the mails that wait, until it is stopped. `rsvp serve` runs one already.

    What could not be sent is tried again later, with growing pauses. Offers and held
    places whose time is over go to the next in line; attendees' data whose time is over
    is erased. With --once it ends with exit status 1 if one of its jobs failed.
    """
    from rsvp.jobs import scheduler
    from rsvp.jobs.delivery import pool
    from rsvp.queries import jobs as job_queries

    checks.refuse_read_only()
    if not once:
        work(the_app())
        return
    failed: list[str] = []
    waiting: list[str] = []
    done = scheduler.run_due(
        utcnow(), early=True, failed=failed, waiting=waiting, steady=read_steady()
    )
    lapsed, erased = done.get("settle", 0), done.get("erase", 0)
    report = pool.deliver_due(utcnow())
    if as_data:
        told = {"erased": erased, "lapsed": lapsed, "jobs": done, "jobs_failed": failed}
        if waiting:
            told["jobs_waiting"] = waiting
        as_json(dataclasses.asdict(report) | told)
    else:
        if lapsed:
            click.echo(f"Registrations whose time was over: {lapsed}.")
        if erased:
            click.echo(f"Events whose attendees' data was erased: {erased}.")
        if waiting:
            apart = job_queries.clock_apart()
            why = f" {why_they_wait(apart)}" if apart else ""
            click.echo(f"Not run yet: {', '.join(waiting)}.{why}")
        if not current_app.config["MAIL_SERVER"]:
            click.echo("RSVP_MAIL_SERVER is not set: mails wait in the outbox.")
        else:
            click.echo(
                f"{report.sent} sent, {report.retried} put off, "
                f"{report.failed} given up."
            )
    if failed:
        names = ", ".join(failed)
        click.echo(f"rsvp: failed, to be tried again: {names}", err=True)
        raise click.exceptions.Exit(1)


@click.command(cls=Command)
@click.option("--fix", is_flag=True, help="Derive again what zone rules have moved.")
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def check(fix: bool, as_data: bool) -> None:
    """Check that the database keeps its rules; name each row that breaks one.

    Ends with exit status 1 if there is any. Without --fix it only reads; safe on a
    running site. When the rules of a time zone have changed, --fix derives the instants
    of events to come from their wall times again, and says on stderr which have moved.
    """
    from rsvp.domain import invariants
    from rsvp.domain.events import publish

    now = utcnow()
    if fix:
        for event_id in [event.id for event in publish.find_moved(now)]:
            with writing():
                moved = publish.rederive(event_id, actor="command", now=now)
            if moved:
                click.echo(f"{moved.slug} now begins {moved.after:{INSTANT}}", err=True)
    problems = invariants.all_problems(now)
    if as_data:
        as_json([dataclasses.asdict(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem))
        if not problems:
            click.echo("All is well.")
    if problems:
        raise click.exceptions.Exit(1)


# --- what they share ----------------------------------------------------------------


def work(app: Flask, ended: str | None = None) -> None:
    """The worker's round, until SIGINT or SIGTERM. `ended`: how the one before did.

    Exits with status 1 where it can't go on, which is told by then.
    """
    from rsvp.cli.server import until_told_to_stop
    from rsvp.jobs import worker as job_worker

    stop = until_told_to_stop()
    os.nice(BEHIND_THE_WEB)
    with app.app_context():
        try:
            job_worker.run_worker(stop, ended=ended)
        except Exception:
            raise SystemExit(1) from None


def load_demo() -> bool:
    from rsvp.demo import load

    return load.load(utcnow(), current_app.config["CODE_KEY"])


def where_everything_is(app: Flask) -> str:
    # Where browsers go, which is not where the site listens if a proxy is in front.
    with app.test_request_context(base_url=app.config["PUBLIC_URL"]):
        sign_in = url_for("security.login", _external=True)
        outbox = url_for("outbox.messages", _external=True)
    mails = f"wait in the outbox; read them at {outbox}"
    if server := app.config["MAIL_SERVER"]:
        mails = f"go out through {server}"
    here = site_addresses.own_url(app.config["HOST"], app.config["PORT"])
    return "\n".join(
        (
            f"RSVP is running at {here} (Ctrl-C ends it)",
            f"  Organizers  {way_in(sign_in)}",
            f"  Mails       {mails}",
            f"  Data        {config.where_data_is(app)}",
        )
    )


def way_in(sign_in: str) -> str:
    """How organizers get in: the first of them by a link that nobody else sees."""
    from rsvp import security as account_security
    from rsvp.domain import teams

    if teams.has_users():
        return f"sign in at {sign_in}"
    return f"make the first account, once: {account_security.first_link(utcnow())}"
