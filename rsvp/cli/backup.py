"""`rsvp backup`, `rsvp restore` and `rsvp backup-key`: the whole site in one file."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rsvp.cli.base import CommandError, EarlyCommand, print_json
from rsvp.cli.site import WORKER_NICENESS, current_flask_app
from rsvp.db import utcnow

if TYPE_CHECKING:
    from rsvp.backup.create import BackupResult
    from rsvp.backup.restore import RestoreResult

INSTANT_FORMAT = "%Y-%m-%d %H:%M UTC"
MIN_PASSPHRASE_LENGTH = 12
STDOUT = "-"


@click.command(cls=EarlyCommand)
@click.argument("file")
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Encrypt it for this public key (age1… or a line of SSH's); may be repeated.",
)
@click.option(
    "--passphrase",
    "with_passphrase",
    is_flag=True,
    help="Encrypt it with a passphrase that is asked for; up to 200 MB.",
)
@click.option(
    "--with-keys",
    is_flag=True,
    help="Put the site's keys into it. Whoever has both can make tickets.",
)
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def backup(
    file: str,
    recipients: tuple[str, ...],
    with_passphrase: bool,
    with_keys: bool,
    force: bool,
    as_data: bool,
) -> None:
    """Write the whole database into FILE (- is standard output) and read it again.

    Safe while the site runs: it has all that was registered when it began. FILE appears
    when it is whole, readable by you alone. It is encrypted with age where a key or a
    passphrase says so; else it has people's names in it as they are.
    """
    from rsvp.backup import create, encryption

    with as_command_errors():
        if recipients and with_passphrase:
            raise CommandError("give --recipient or --passphrase, not both")
        readers = [encryption.parse_recipient(key) for key in recipients]
        passphrase = ask_new_passphrase() if with_passphrase else None
        options = create.BackupOptions(readers, passphrase, with_keys)
        os.nice(WORKER_NICENESS)
        if file == STDOUT:
            if sys.stdout.isatty():
                raise CommandError("a backup is nothing to read here; name a file")
            stream = sys.stdout.buffer
            with progress_bars() as progress:
                create.to_stream(
                    current_flask_app(),
                    stream,
                    options,
                    now=utcnow(),
                    progress=progress,
                )
            return
        with progress_bars() as progress:
            result = create.to_file(
                current_flask_app(),
                Path(file),
                options,
                now=utcnow(),
                progress=progress,
                force=force,
            )
    how = "key" if recipients else "passphrase" if with_passphrase else None
    if as_data:
        print_json(backup_as_json(file, result, how))
    else:
        print_backup(file, result, how)


def backup_as_json(file: str, result: BackupResult, how: str | None) -> dict[str, Any]:
    about = result.about
    return {
        "file": file,
        "bytes": result.size,
        "sha256": result.sha256,
        "made_at": about.made_at.isoformat(),
        "engine": about.engine,
        "schema": about.schema,
        "counts": dict(about.counts),
        "keys": list(about.keys),
        "encrypted": how,
        "read_again": "contents" if result.was_read else "bytes",
    }


def print_backup(file: str, written: BackupResult, how: str | None) -> None:
    about = written.about
    read = "read again" if written.was_read else "its bytes read again"
    encrypted = f", encrypted with a {how}" if how else ""
    size = f"{max(written.size / 1e6, 0.1):.1f} MB"
    click.echo(f"{file}: {counts_text(about.counts)}; {size}{encrypted}, {read}.")
    if how is None:
        click.echo(
            "It is not encrypted and has people's names; --recipient encrypts it.",
            err=True,
        )
    if about.keys:
        click.echo(
            "The site's keys are in it: whoever reads it can make tickets.", err=True
        )


def counts_text(counts: Any) -> str:
    names = ("event", "registration", "account")
    numbers = [(counts[f"{name}s"], name) for name in names]
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in numbers)


# --- the way back -------------------------------------------------------------------


@click.command(cls=EarlyCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--replace",
    is_flag=True,
    help="Also where the site has data; that is kept under another name.",
)
@click.option(
    "--identity",
    "identities",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file with the secret key that it was encrypted for; may be repeated.",
)
@click.option(
    "--erasures",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file `erasures` of another machine of the site; may be repeated.",
)
@click.option(
    "--send-waiting",
    is_flag=True,
    help="Send the mails that waited then, although they may have gone out since.",
)
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def restore(
    file: Path,
    replace: bool,
    identities: tuple[Path, ...],
    erasures: tuple[Path, ...],
    send_waiting: bool,
    as_data: bool,
) -> None:
    """Put the backup FILE back as the site's database; the site must not run.

    All of it or nothing: until the backup is whole in its place, brought up to date and
    checked, what is there stays. Everybody is signed out then, door passes and phones
    end, mails that were due are held back, and what was erased since the backup is
    erased again. FILE may also be a copy of a SQLite database. A passphrase is asked
    for, and may come through a pipe. Ends with exit status 1 where `rsvp check` finds
    something in what was put back.
    """
    from rsvp.backup import encryption
    from rsvp.backup import restore as restoring

    with as_command_errors():
        secrets = [
            key for name in identities for key in encryption.read_identities(name)
        ]
        for name in erasures:
            if not name.is_file():
                raise CommandError(f"{name} is no file")
        options = restoring.RestoreOptions(
            replace, secrets, ask_passphrase, erasures, send_waiting
        )
        with progress_bars() as progress:
            result = restoring.restore_file(
                current_flask_app(), file, options, now=utcnow(), progress=progress
            )
    if as_data:
        print_json(restore_as_json(result))
    else:
        print_restore(result)
    if result.now.problems:
        raise click.exceptions.Exit(1)


def restore_as_json(result: RestoreResult) -> dict[str, Any]:
    now, before = result.now, result.before
    return {
        "made_at": result.about.made_at.isoformat(),
        "engine": result.about.engine,
        "schema_then": result.about.schema,
        "schema": now.schema,
        "counts": now.counts,
        "newest_registration": iso_or_none(now.newest),
        "accounts": list(now.accounts),
        "accounts_brought_back": regained_accounts(result),
        "ended": asdict(now.ended),
        "mails_waiting": now.waiting,
        "erased_again": now.erased,
        "erasures_known": now.erasures_known,
        "keys": list(result.keys),
        "kept": result.kept,
        "replaced": not before.is_empty,
        "problems": [asdict(problem) for problem in now.problems],
    }


def regained_accounts(result: RestoreResult) -> list[str]:
    """The accounts that can sign in now and could not before."""
    before = result.before.accounts
    return [
        e for e, active in result.now.accounts.items() if active and not before.get(e)
    ]


def iso_or_none(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def print_restore(done: RestoreResult) -> None:
    for line in restore_lines(done):
        click.echo(line)


def restore_lines(done: RestoreResult) -> Iterator[str]:
    now, ended = done.now, done.now.ended
    newest = f", the newest of {now.newest:{INSTANT_FORMAT}}" if now.newest else ""
    yield (
        f"The site is as it was on {done.about.made_at:{INSTANT_FORMAT}}: "
        f"{counts_text(now.counts)}{newest}."
    )
    if now.schema != done.about.schema:
        yield f"Its tables were of version {done.about.schema}, now {now.schema}."
    if accounts := regained_accounts(done):
        yield (
            f"Accounts it brought back: {', '.join(accounts)}; with the passwords of "
            "that day."
        )
    yield "Everybody is signed out."
    if ended.passes or ended.phones:
        yield (
            f"Door passes ended: {ended.passes}, with {ended.phones} phones; "
            "`rsvp door pass SLUG` makes new ones."
        )
    if ended.mails or ended.mailings:
        yield (
            f"Mails held back, since they may have gone out: {ended.mails}, and "
            f"{ended.mailings} of the organizers' mailings stopped; the outbox shows "
            "them, and sends each again that is asked for."
        )
    if now.waiting:
        yield f"Mails that wait and will go out: {now.waiting}."
    if now.erased:
        yield f"Erased again, as since then: {now.erased}."
    if not now.erasures_known:
        yield (
            "What was erased since then is not known here: erase it again by hand, or "
            "restore once more with --erasures."
        )
    if done.keys:
        yield f"Keys put back: {', '.join(done.keys)}; those that were here are kept."
    if done.kept:
        yield (
            f"What was here before is kept as {done.kept}. Nothing is erased in it by "
            "itself: delete it once all is well."
        )
    for problem in now.problems:
        yield str(problem)
    yield f"`rsvp check` found: {len(now.problems) or 'all is well'}."


# --- a key to encrypt for -----------------------------------------------------------


class SitelessCommand(EarlyCommand):
    """A command that needs no site around it."""

    def invoke(self, ctx: click.Context) -> Any:
        return click.Command.invoke(self, ctx)


@click.command("backup-key", cls=SitelessCommand)
@click.argument("file", type=click.Path(path_type=Path))
def backup_key(file: Path) -> None:
    """Make a key for backups: the secret half into FILE, the public half printed.

    `rsvp backup --recipient` takes the public half. Keep FILE on another machine than
    the site's, twice: without it no backup can be read.
    """
    from rsvp.backup import encryption

    secret, public = encryption.generate_identity()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"{file} is there already") from error
    except OSError as error:
        raise CommandError(f"{file} can't be written: {error.strerror}") from error
    with os.fdopen(handle, "w") as opened:
        opened.write(f"# public key: {public}\n{secret}\n")
    click.echo(public)


# --- what they share ----------------------------------------------------------------


@contextmanager
def as_command_errors() -> Iterator[None]:
    from rsvp.backup.errors import BackupError

    try:
        yield
    except BackupError as error:
        raise CommandError(str(error)) from error


def ask_new_passphrase() -> str:
    if sys.stdin.isatty():
        text = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if len(text) < MIN_PASSPHRASE_LENGTH:
        raise CommandError(
            f"a passphrase has {MIN_PASSPHRASE_LENGTH} characters or more"
        )
    return str(text)


def ask_passphrase() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Passphrase", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Where somebody looks on: a bar for each thing that is done."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    bars: dict[str, Any] = {}
    make = functools.partial(click.progressbar, file=sys.stderr, show_eta=True)

    def show_progress(what: str, done: int, total: int) -> None:
        if what not in bars:
            for bar in bars.values():
                bar.finish()
            bars[what] = make(length=max(total, 1), label=f"{what:<8}").__enter__()
        bar = bars[what]
        bar.update(done - bar.pos)

    try:
        yield show_progress
    finally:
        for bar in bars.values():
            bar.__exit__(None, None, None)
