"""`rsvp event`: import, export and list events."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from rsvp import event_definition
from rsvp.cli.base import CommandError, Group, print_json
from rsvp.db import current_session, utcnow, write
from rsvp.domain.events import mapping
from rsvp.domain.events import publish as event_publish
from rsvp.errors import InUse, OtherTeam
from rsvp.formats.eventfile import dump, parse, readers
from rsvp.formats.eventfile.yaml_nodes import MAX_CHARACTERS
from rsvp.models import Admission, Event
from rsvp.text.mail_addresses import suggest_address


@click.group("event", cls=Group)
def event() -> None:
    """Events: publish them from files, write them out again, list them."""


# --- import -------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceFile:
    """A file that was read, with its text for the lines of later refusals."""

    name: str
    text: str
    event: event_definition.EventDefinition


@event.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def import_events(files: tuple[str, ...], as_data: bool) -> None:
    """Publish the event of each FILE, or make it as its file now says; - is stdin.

    All files or none: a mistake in one is told as file:line: key: reason, and nothing
    is changed. Registrations are never touched. The keys of a file are described in
    docs/event-file.md.
    """
    sources = read_files(files)
    results = write(publish_all, sources)
    for source in sources:
        if meant := suggest_address(source.event.contact or ""):
            click.echo(error_at(source, "contact", f"did you mean {meant}?"), err=True)
    if as_data:
        print_json(
            [
                {
                    "file": source.name,
                    "slug": source.event.slug,
                    "result": outcome_text(done),
                    "changed": done.changed,
                    "told": done.notified,
                }
                for source, done in zip(sources, results, strict=True)
            ]
        )
        return
    for source, done in zip(sources, results, strict=True):
        details = f" ({', '.join(done.changed)})" if done.changed else ""
        click.echo(f"{source.event.slug}: {outcome_text(done)}{details}")
        if done.notified:
            many = "" if done.notified == 1 else "s"
            click.echo(f"Told by mail: {done.notified} registration{many}.")


def read_files(files: tuple[str, ...]) -> list[SourceFile]:
    """Every file, read and checked; or the mistakes of all of them, and exit 1."""
    sources, mistakes = [], []
    for file in files:
        try:
            sources.append(read_file(file))
        except parse.EventFileError as error:
            mistakes.append(str(error))
    if mistakes:
        print_and_exit("\n".join(mistakes))
    first: dict[str, str] = {}
    for source in sources:
        slug = source.event.slug
        if slug in first:
            print_and_exit(error_at(source, "slug", f"{first[slug]} has the same slug"))
        first[slug] = source.name
    return sources


def read_file(file: str) -> SourceFile:
    name = "stdin" if file == "-" else file
    try:
        # A few bytes a character at most: enough to see that it is too long.
        if file == "-":
            raw = sys.stdin.buffer.read(4 * MAX_CHARACTERS + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(4 * MAX_CHARACTERS + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        mistake = readers.Mistake(line, "", "is not UTF-8 text")
        raise parse.EventFileError(name, [mistake]) from error
    return SourceFile(name, text, parse.parse_event(text, name))


def publish_all(sources: Iterable[SourceFile]) -> list[event_publish.PublishResult]:
    return [publish_event(source) for source in sources]


def publish_event(source: SourceFile) -> event_publish.PublishResult:
    try:
        return event_publish.publish_definition(
            source.event, actor="command", now=utcnow()
        )
    except InUse as error:
        print_and_exit(error_at(source, error.facts["at"], in_use_text(error.facts)))
    except OtherTeam as error:
        key = "team" if error.facts["kind"] == "event" else "series"
        reason = "the {kind} {slug} belongs to the team {team}".format(**error.facts)
        print_and_exit(error_at(source, key, reason))


def error_at(source: SourceFile, key: str, reason: str) -> str:
    return f"{source.name}:{parse.key_line(source.text, key)}: {key}: {reason}"


def in_use_text(facts: dict[str, Any]) -> str:
    thing = "{kind} {key}".format(**facts)
    people = facts["people"]
    used = f"{people} use it" if people > 1 else "1 uses it"
    match facts["kind"], facts["change"]:
        case "status", change:
            return f"can't go from {facts['key']} back to {change}: {people} registered"
        case "allocation", change:
            waiting = "1 request waits" if people == 1 else f"{people} requests wait"
            return f"can't go from {facts['key']} to {change}: {waiting} for a decision"
        case _, "seats":
            return (
                f"{thing} can't be in person: {people} have a place, and there are "
                "not as many chairs"
            )
        case _, "mode":
            were = "1 was" if people == 1 else f"{people} were"
            return f"the mode of {thing} can't change: {were} let in already"
        case _, "removed":
            return f"{thing} can't be removed: {used}"
        case _, change:
            return f"the {change} of {thing} can't change: {used}"


def print_and_exit(lines: str) -> NoReturn:
    """Say it as compilers do, the place first, and end; the transaction is undone."""
    click.echo(lines, err=True)
    raise click.exceptions.Exit(1)


def outcome_text(done: event_publish.PublishResult) -> str:
    if done.created:
        return "created"
    return "updated" if done.changed else "unchanged"


# --- export and list ----------------------------------------------------------------


@event.command("export")
@click.argument("slug")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True),
    help="A file to write; without it the event goes to standard output.",
)
def export_event(slug: str, output: str | None) -> None:
    """Write the event SLUG as a file that `rsvp event import` takes."""
    stored = current_session().scalar(select(Event).where(Event.slug == slug))
    if stored is None:
        raise CommandError(
            f"there is no event {slug}; `rsvp event list` shows them all"
        )
    text = dump.dump_event(mapping.to_definition(stored))
    if output is None:
        click.echo(text.encode(), nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandError(f"{output} can't be written: {error.strerror}") from error


@event.command("list")
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def list_events(as_data: bool) -> None:
    """List all events by their start, with their seats and who waits."""
    events = current_session().scalars(
        select(Event)
        .options(selectinload(Event.admissions))
        .order_by(Event.starts_at, Event.id)
    )
    if as_data:
        print_json([event_as_json(stored) for stored in events])
        return
    rows = [event_row(stored) for stored in events]
    if not rows:
        click.echo("There are no events yet; `rsvp event import FILE` publishes one.")
        return
    rows.insert(0, ("SLUG", "TITLE", "STARTS", "STATUS", "SEATS"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def event_row(stored: Event) -> tuple[str, ...]:
    title = stored.title if len(stored.title) <= 40 else stored.title[:39] + "…"
    starts = f"{stored.starts_local:%Y-%m-%d %H:%M} {stored.timezone}"
    return (
        stored.slug,
        title,
        starts,
        stored.status,
        "; ".join(map(seats_text, stored.admissions)),
    )


def seats_text(admission: Admission) -> str:
    limit = "no limit" if admission.capacity is None else admission.capacity
    waiting = f", {admission.waiting} waiting" if admission.waiting else ""
    return f"{admission.key} {admission.seats_taken}/{limit}{waiting}"


def event_as_json(stored: Event) -> dict[str, Any]:
    return {
        "slug": stored.slug,
        "title": stored.title,
        "starts": f"{stored.starts_local:%Y-%m-%d %H:%M}",
        "timezone": stored.timezone,
        "starts_at": stored.starts_at.isoformat(),
        "status": stored.status,
        "visibility": stored.visibility,
        "admissions": [
            {
                "key": admission.key,
                "seats_taken": admission.seats_taken,
                "capacity": admission.capacity,
                "waiting": admission.waiting,
            }
            for admission in stored.admissions
        ],
    }
