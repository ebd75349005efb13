"""Atom feed of public events (RFC 4287)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from feedgen.feed import FeedGenerator

from rsvp import i18n
from rsvp.formats.feeds.icalendar import UrlFor, public_title
from rsvp.formats.location import location_line
from rsvp.i18n import gettext as _
from rsvp.models import Event
from rsvp.text.cleaning import strip_controls


def atom_feed(
    events: Sequence[Event],
    url_for: UrlFor,
    *,
    title: str,
    home_url: str,
    feed_url: str,
    language: str = "en",
) -> bytes:
    """Return the Atom feed of these events, newest change first."""
    feed = FeedGenerator()
    feed.id(feed_url)
    feed.title(strip_controls(title))
    feed.language(language)
    feed.link(href=home_url, rel="alternate", type="text/html")
    feed.link(href=feed_url, rel="self", type="application/atom+xml")
    feed.author(name=strip_controls(title))
    feed.generator("RSVP")
    # Of an empty feed the epoch: what has no entries has never changed.
    never = datetime(1970, 1, 1, tzinfo=UTC)
    feed.updated(max((event.updated_at for event in events), default=never))
    for event in sorted(events, key=lambda e: (e.updated_at, e.id), reverse=True):
        url = url_for(event)
        entry = feed.add_entry(order="append")
        entry.id(UUID(str(event.uuid)).urn)
        entry.title(public_title(event))
        entry.link(href=url, rel="alternate", type="text/html")
        entry.published(event.created_at)
        entry.updated(event.updated_at)
        entry.summary(summary_line(event, language))
        for host in event.hosts:
            entry.author(name=strip_controls(host["name"]))
    return bytes(feed.atom_str(pretty=True))


def summary_line(event: Event, language: str) -> str:
    """Return `Friday, 29 January 2027, 18:00 (Amsterdam time). The Boat Shed. A
    summary.`"""
    language = i18n.language_for(language)
    when = _(
        "%(day)s, %(time)s (%(zone)s time)",
        day=i18n.day(event.starts_at, event.zone, language),
        time=i18n.clock(event.starts_at, event.zone),
        zone=i18n.zone_name(event.zone, language),
    )
    location = location_line(event, {admission.mode for admission in event.admissions})
    summary = None if event.discreet else strip_controls(event.summary or "")
    return " ".join(
        text if text.endswith((".", "?", "!")) else f"{text}."
        for text in (when, location, summary)
        if text
    )
