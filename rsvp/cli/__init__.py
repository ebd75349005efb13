"""The rsvp command: entry point for operators and scripts."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
from flask import Flask
from flask.cli import ScriptInfo

from rsvp.cli import backup, door, events, jobs, site, users
from rsvp.cli.base import Group

COMMANDS: tuple[click.Command, ...] = (
    site.serve,
    site.worker,
    jobs.jobs,
    site.init,
    site.demo,
    site.check,
    backup.backup,
    backup.restore,
    backup.backup_key,
    events.event,
    users.user,
    users.attendees,
    door.door,
)


@click.group(
    "rsvp", cls=Group, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="rsvp", message="rsvp %(version)s")
def root() -> None:
    """Registration and RSVP for free events with limited places.

    Settings are environment variables named RSVP_…; docs/settings.md lists them.
    """


for command in COMMANDS:
    root.add_command(command)


def init_app(app: Flask) -> None:
    """The same commands under `flask --app rsvp`, and for test runners."""
    for command in COMMANDS:
        app.cli.add_command(command)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command. Bad input ends with one line on stderr and exit status 1."""
    signal.signal(signal.SIGTERM, exit_on_sigterm)
    sys.exit(run(args))


def exit_on_sigterm(*_: object) -> NoReturn:
    """A SIGTERM ends a command as Ctrl-C does: what it began is undone, what it has
    open closed. `rsvp serve` and `rsvp worker` have their own ways."""
    sys.exit(128 + signal.SIGTERM)


def run(args: Sequence[str] | None = None) -> int:
    """Run the command and say its exit status; what is wrong is told in one line."""
    from rsvp import create_app

    # RSVP_DEBUG alone says whether debug is on, not Flask's own variable.
    info = ScriptInfo(create_app=create_app, set_debug_flag=False)
    try:
        done = root.main(args, prog_name="rsvp", obj=info, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message())
        return 0
    except click.UsageError as mistake:
        hint = f" (see `{mistake.ctx.command_path} --help`)" if mistake.ctx else ""
        print_error(mistake.format_message() + hint)
    except click.ClickException as mistake:
        print_error(mistake.format_message())
    except click.Abort:
        return 130  # as shells count a Ctrl-C
    else:
        return done if isinstance(done, int) else 0
    return 1


def print_error(message: str) -> None:
    click.echo(f"rsvp: {' '.join(message.split())}", err=True)
