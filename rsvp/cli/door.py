"""`rsvp door`: create door passes, which let phones scan tickets."""

from __future__ import annotations

import sys

import click
from flask import current_app

from rsvp.cli.base import CommandError, Group, print_json
from rsvp.db import utcnow, write
from rsvp.domain.checkin import passes
from rsvp.models.checkin import DEFAULT_PHONES_MAX, check_in_ends_at, check_in_starts_at
from rsvp.queries import events as event_queries

INSTANT_FORMAT = "%Y-%m-%d %H:%M %Z"


@click.group(cls=Group)
def door() -> None:
    """The door: passes for the phones that scan there."""


@door.command("pass")
@click.argument("slug")
@click.option(
    "--phones",
    type=click.IntRange(1, passes.MAX_PHONES),
    default=DEFAULT_PHONES_MAX,
    show_default=True,
    help="How many phones it enrols.",
)
@click.option(
    "--now",
    "at_once",
    is_flag=True,
    help="Works at once, for a rehearsal. What is scanned earlier than 24 hours before "
    "doors is marked and does not count.",
)
@click.option("--json", "as_data", is_flag=True, help="Print for machines.")
def make_pass(slug: str, phones: int, at_once: bool, as_data: bool) -> None:
    """Make a door pass for the event SLUG and print its link.

    Whoever opens the link on a phone can scan tickets, from 24 hours before doors until
    12 hours after the end. On a terminal its QR code is printed, too.
    """
    event = event_queries.find_event(slug)
    if event is None:
        raise CommandError(
            f"there is no event {slug}; `rsvp event list` shows them all"
        )
    event_id, code_key = event.id, current_app.config["CODE_KEY"]
    made = write(
        passes.create_pass,
        event_id,
        code_key=code_key,
        phones_max=phones,
        at_once=at_once,
        actor="command",
        now=utcnow(),
    )
    link = (
        f"{current_app.config['PUBLIC_URL']}/door/{passes.pass_token(made, code_key)}"
    )
    begins, ends = check_in_starts_at(made.event), check_in_ends_at(made.event)
    if as_data:
        print_json(
            {
                "event": slug,
                "link": link,
                "phones": phones,
                "works_from": None if at_once else begins.isoformat(),
                "counts_from": begins.isoformat(),
                "works_until": ends.isoformat(),
            }
        )
        return
    click.echo(link)
    zone = made.event.zone
    if at_once:
        click.echo(
            "It works now; scans count from"
            f" {begins.astimezone(zone):{INSTANT_FORMAT}}.",
            err=True,
        )
    else:
        click.echo(
            f"It works from {begins.astimezone(zone):{INSTANT_FORMAT}}.", err=True
        )
    click.echo(
        f"It ends {ends.astimezone(zone):{INSTANT_FORMAT}} and enrols {phones} phones. "
        "Whoever has the link can enrol one.",
        err=True,
    )
    if sys.stdout.isatty():
        print_qr(link)


def print_qr(text: str) -> None:
    import qrcode

    code = qrcode.QRCode(border=2)
    code.add_data(text)
    # Light modules are drawn, so that it reads on dark terminals, most of them are.
    code.print_ascii(invert=True)
