"""Base classes of commands: the application around them, and errors in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from flask import current_app
from flask.cli import ScriptInfo

from rsvp import startup
from rsvp.config import UnsafeStart
from rsvp.database import checks, outages
from rsvp.errors import Refusal

REFUSAL_TEXTS = {
    "event_over": "the event is over",
    "event_cancelled": "the event is cancelled",
    "in_use": "people already use it",
    "door_closed": "the door of this event has closed",
    "already_over": "it was cancelled before",
    "already_in": "somebody of the party is already in",
    "not_waiting": "it does not wait in line any more",
    "no_such_place": "the line has no such place",
    "outdated": "what it says is not so any more",
    "address_taken": "this address has an account already",
}
"""Refusals as an operator reads them; any other is told by its code."""


class CommandError(click.ClickException):
    """What was asked for can't be done: one clear line, exit 1, nothing changed."""


class Command(click.Command):
    """A command inside the application, on a database that `startup.verify` accepts.

    A Refusal, an unsafe start and a database that fails are told in one line. Its
    connections are closed at the end, whatever the end is.
    """

    needs_database = True

    def invoke(self, ctx: click.Context) -> Any:
        try:
            if current_app:
                return self.invoke_inside(ctx)
            app = ctx.ensure_object(ScriptInfo).load_app()
            with app.app_context():
                try:
                    return self.invoke_inside(ctx)
                finally:
                    startup.close_database()
        except (Refusal, UnsafeStart) as error:
            raise CommandError(error_line(error)) from error
        except Exception as error:
            if outages.find(error) is None:
                raise
            raise CommandError(error_line(error)) from error

    def invoke_inside(self, ctx: click.Context) -> Any:
        with checks.errors_as_unsafe_start():
            if self.needs_database:
                startup.verify()
            return super().invoke(ctx)


class EarlyCommand(Command):
    """A command that runs before the database is as it must be, such as `init`."""

    needs_database = False


class Group(click.Group):
    """A group whose commands are `Command`s, and its groups such groups."""

    command_class = Command
    group_class = type


def error_line(error: Exception) -> str:
    if isinstance(error, Refusal):
        words = REFUSAL_TEXTS.get(error.code, error.code.replace("_", " "))
        return words + facts_suffix(error.facts)
    if isinstance(error, OSError):
        # The disk may be another one than the database's.
        return f"{error.strerror}: {error.filename or 'the output'}"
    return str(outages.find(error) or error)


def facts_suffix(facts: Mapping[str, Any]) -> str:
    return (
        " (" + ", ".join(f"{k}: {v}" for k, v in facts.items()) + ")" if facts else ""
    )


def print_json(value: Any) -> None:
    """Print one value for machines."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
