"""`rsvp serve`, `worker`, `init`, `demo` and `check`: running a site."""

from __future__ import annotations

import dataclasses
import os
from functools import partial

import click
from flask import Flask, current_app, url_for

from rsvp import config, site_addresses, startup
from rsvp.cli.base import Command, CommandError, EarlyCommand, print_json
from rsvp.cli.jobs import on_hold_text
from rsvp.clocks import read_steady_clock
from rsvp.database import checks
from rsvp.db import utcnow, writing

INSTANT_FORMAT = "%Y-%m-%d %H:%M UTC"
WORKER_NICENESS = 10
"""How much nicer (nice(2)) a worker is than who answers people: on a busy machine mails
wait for pages, not pages for mails."""


def current_flask_app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


@click.command(cls=EarlyCommand)
def init() -> None:
    """Bring the database up to date. Safe to repeat; an update needs it."""
    before = startup.schema_version()
    startup.initialise()
    after = startup.schema_version()
    location = config.data_location(current_flask_app())
    if before == after:
        click.echo(f"The database is up to date: {location}")
    else:
        new = ", a new one" if before is None else ""
        click.echo(f"The database is now at version {after}{new}: {location}")


@click.command(cls=Command)
def demo() -> None:
    """Load demo data: events of each kind, with people, if there are no events yet."""
    if current_flask_app().config["MAIL_SERVER"]:
        raise CommandError(
            "a mail server is set, and the people in demo data don't exist"
        )
    if not load_demo_data():
        raise CommandError(
            "there are events already; demo data is for an empty database"
        )
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
    app = current_flask_app()
    if app.config["DEBUG"]:
        raise CommandError("`rsvp serve` is for real use: unset RSVP_DEBUG")
    if with_demo:
        startup.initialise()
        # Its people don't exist: with a mail server, their mails would go out.
        if not app.config["MAIL_SERVER"]:
            load_demo_data()
        else:
            click.echo(
                "No demo data: its people don't exist, and a mail server is set."
            )
    startup.verify(writes=True)
    from rsvp.cli import server as cli_server

    message = startup_message(app)
    app.config["HOST"] = config.parse_setting(
        "HOST",
        app.config["HOST"],
        lambda host: site_addresses.resolve_listening_host(host, app.config["PORT"]),
    )
    run_worker = None if no_worker else partial(run_worker_process, app)
    cli_server.serve(app, run_worker, lambda: click.echo(message))


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
        run_worker_process(current_flask_app())
        return
    failed: list[str] = []
    waiting: list[str] = []
    done = scheduler.run_due_jobs(
        utcnow(), early=True, failed=failed, waiting=waiting, steady=read_steady_clock()
    )
    lapsed, erased = done.get("settle", 0), done.get("erase", 0)
    report = pool.deliver_due(utcnow())
    if as_data:
        counts = {
            "erased": erased,
            "lapsed": lapsed,
            "jobs": done,
            "jobs_failed": failed,
        }
        if waiting:
            counts["jobs_waiting"] = waiting
        print_json(dataclasses.asdict(report) | counts)
    else:
        if lapsed:
            click.echo(f"Registrations whose time was over: {lapsed}.")
        if erased:
            click.echo(f"Events whose attendees' data was erased: {erased}.")
        if waiting:
            apart = job_queries.find_untrusted_clock()
            reason = f" {on_hold_text(apart)}" if apart else ""
            click.echo(f"Not run yet: {', '.join(waiting)}.{reason}")
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
    from rsvp.domain.events import zone_rules

    now = utcnow()
    if fix:
        for event_id in [event.id for event in zone_rules.find_moved_events(now)]:
            with writing():
                moved = zone_rules.rederive_instants(event_id, actor="command", now=now)
            if moved:
                click.echo(
                    f"{moved.slug} now begins {moved.after:{INSTANT_FORMAT}}", err=True
                )
    problems = invariants.find_all_problems(now)
    if as_data:
        print_json([dataclasses.asdict(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem))
        if not problems:
            click.echo("All is well.")
    if problems:
        raise click.exceptions.Exit(1)


# --- what they share ----------------------------------------------------------------


def run_worker_process(app: Flask, ended: str | None = None) -> None:
    """Run the worker until SIGINT or SIGTERM. `ended`: how the one before did.

    Exits with status 1 where it can't go on, which is told by then.
    """
    from rsvp.cli.server import make_stop_event
    from rsvp.jobs import worker as job_worker

    stop = make_stop_event()
    os.nice(WORKER_NICENESS)
    with app.app_context():
        try:
            job_worker.run_worker(stop, ended=ended)
        except Exception:
            raise SystemExit(1) from None


def load_demo_data() -> bool:
    from rsvp.demo import load

    return load.load_sample_data(utcnow(), current_app.config["CODE_KEY"])


def startup_message(app: Flask) -> str:
    # Where browsers go, which is not where the site listens if a proxy is in front.
    with app.test_request_context(base_url=app.config["PUBLIC_URL"]):
        sign_in = url_for("security.login", _external=True)
        outbox = url_for("organizer.messages.list_messages", _external=True)
    mails = f"wait in the outbox; read them at {outbox}"
    if server := app.config["MAIL_SERVER"]:
        mails = f"go out through {server}"
    url = site_addresses.local_url(app.config["HOST"], app.config["PORT"])
    return "\n".join(
        (
            f"RSVP is running at {url} (Ctrl-C ends it)",
            f"  Organizers  {sign_in_hint(sign_in)}",
            f"  Mails       {mails}",
            f"  Data        {config.data_location(app)}",
        )
    )


def sign_in_hint(sign_in: str) -> str:
    """How organizers get in: the first of them by a link that nobody else sees."""
    from rsvp import security as account_security
    from rsvp.domain.accounts import users

    if users.has_users():
        return f"sign in at {sign_in}"
    return (
        f"make the first account, once: {account_security.first_account_link(utcnow())}"
    )
