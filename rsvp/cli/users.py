"""`rsvp user` and `rsvp attendees`: organizers' accounts, the attendee list."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO

import click

from rsvp.cli.base import Command, CommandError, Group, print_json
from rsvp.db import utcnow, writing
from rsvp.models.team import Role
from rsvp.text import mail_addresses


@click.group(cls=Group)
def user() -> None:
    """Accounts of the people who run events."""


@user.command("create")
@click.argument("email")
@click.option("--team", default="default", help="The team's slug; made if it is new.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.OWNER.value,
    show_default=True,
    help="What the person may do in the team.",
)
@click.option("--ask", is_flag=True, help="Ask for the password instead of making one.")
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def create_user(email: str, team: str, role: str, ask: bool, as_data: bool) -> None:
    """Make an account, and print its password this once.

    With --ask you type the password; it can also come through a pipe, as one line.
    """
    from rsvp import security as account_security
    from rsvp.domain.accounts import users

    address = check_address(email)
    password = ask_password() if ask else account_security.generate_password()
    password_hash = account_security.hash_password(password)
    with writing():
        users.create_user(address, password_hash, team, role, now=utcnow())
    print_password(address, None if ask else password, as_data, team=team, role=role)
    if meant := mail_addresses.suggest_address(address):
        click.echo(f"Is {address} right? Did you mean {meant}?", err=True)


@user.command("password")
@click.argument("email")
@click.option("--ask", is_flag=True, help="Ask for the password instead of making one.")
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def set_new_password(email: str, ask: bool, as_data: bool) -> None:
    """Give an account another password; it is signed out everywhere."""
    from rsvp import security as account_security
    from rsvp.domain.accounts import users

    if users.find_user(email) is None:
        raise CommandError(f"nobody has an account with {email}")
    password = ask_password() if ask else account_security.generate_password()
    password_hash = account_security.hash_password(password)
    with writing():
        account = users.find_user(email)
        if account is None:  # pragma: no cover - gone since we looked
            raise CommandError(f"nobody has an account with {email}")
        users.set_password(account, password_hash)
    print_password(email, None if ask else password, as_data)


def check_address(email: str) -> str:
    try:
        return mail_addresses.parse_mail_address(email).text
    except mail_addresses.InvalidMailAddress as wrong:
        raise CommandError(str(wrong)) from wrong


def ask_password() -> str:
    from rsvp import security as account_security

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if problem := account_security.password_problem(password):
        raise CommandError(problem)
    return str(password)


def print_password(
    email: str, password: str | None, as_data: bool, **more: str | None
) -> None:
    if as_data:
        print_json({"email": email, **more, "password": password})
    elif password:
        click.echo(f"{email} can sign in with the password {password}")
        click.echo("It is not shown again.")
    else:
        click.echo(f"{email} can sign in with that password.")


@click.command(cls=Command)
@click.argument("slug")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "xlsx", "json"]),
    default="csv",
    show_default=True,
    help="CSV and Excel for spreadsheets, JSON for programs.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True),
    help="A file to write; without it the list goes to standard output.",
)
@click.option("--json", "as_data", is_flag=True, help="The same as --format json.")
def attendees(slug: str, kind: str, output: str | None, as_data: bool) -> None:
    """Write who comes to the event SLUG: one row per attendee."""
    from rsvp.formats.exports import attendees as attendee_exports
    from rsvp.queries import attendees as attendee_queries
    from rsvp.queries import events as event_queries

    event = event_queries.find_event(slug)
    if event is None:
        raise CommandError(
            f"there is no event {slug}; `rsvp event list` shows them all"
        )
    kind = "json" if as_data else kind
    if kind == "xlsx" and output is None and is_terminal():
        raise CommandError("a workbook is nothing to read here; add --output FILE")
    rows = attendee_queries.iter_attendees(event.id)
    questions = [question.key for question in event.questions]
    consents = attendee_queries.consent_keys(event.id)
    if kind == "xlsx":
        from rsvp.formats.exports import attendees_xlsx

        book = attendees_xlsx.write_xlsx(rows, questions, consents, zone=event.zone)
        with book, open_output(output) as file:
            shutil.copyfileobj(book, file)
        return
    if kind == "json":
        pieces = attendee_exports.write_json(rows)
    else:
        pieces = attendee_exports.write_csv(rows, questions, consents)
    with open_output(output) as file:
        for piece in pieces:
            file.write(piece)


def is_terminal() -> bool:
    return sys.stdout.isatty()


def open_output(output: str | None) -> AbstractContextManager[BinaryIO]:
    """The file, or standard output, which stays open."""
    if output is None:
        return nullcontext(sys.stdout.buffer)
    try:
        # Names and addresses: for whoever asked, not for everybody on the machine.
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise CommandError(f"{output} can't be written: {error.strerror}") from error
    return os.fdopen(handle, "wb")
