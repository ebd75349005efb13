"""Mails: a message of the outbox as text, HTML, pictures and a calendar entry.

Nothing that people answered is in them, and no picture is fetched from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import css_inline
from babel import Locale, lists
from flask import current_app
from flask_babel import force_locale

from rsvp import i18n, tokens
from rsvp.formats import qr
from rsvp.formats.feeds import icalendar
from rsvp.formats.mail import texts, unproved_names
from rsvp.formats.mail.autolink import linked
from rsvp.formats.mail.texts import labels, shared
from rsvp.formats.mail.texts.shared import Standing, Words
from rsvp.i18n import gettext as _
from rsvp.models import Attendee, Event, Message
from rsvp.models.event import Mode, Status
from rsvp.models.message import EXTRAS, MessageKind

MASK = "••••"
"""What stands for secret links and codes in a mail that is shown to organizers."""


@dataclass(frozen=True)
class Mail:
    """What a message looks like: everything but who gets it.

    `images` are PNGs by the Content-ID that the HTML shows them by. `calendar` is an
    iCalendar file with `method`, to be attached as `calendar_name`. `unsubscribe` is
    where one POST ends mails of this kind, if it may be ended.
    """

    subject: str
    text: str
    html: str
    images: dict[str, bytes]
    calendar: bytes | None
    method: str
    calendar_name: str
    reply_to: str | None
    message_id: str
    unsubscribe: str | None = None


@dataclass(frozen=True)
class Links:
    """All but `event` are secret; empty in a mail to whose it is no more. `button` is
    where the one button leads, `second` where the other answer of a question does, and
    `mute` where one asks for no more mails like this one."""

    manage: str
    button: str
    second: str
    erase: str
    event: str
    join: str | None
    mute: str | None = None


@dataclass(frozen=True)
class Ticket:
    """One ticket in a mail; the stub below its tear line has `code` or `place`.

    `forward` is the view-only page of a guest's ticket; `is_named`: whose it is may be
    said beside the ticket, too.
    """

    name: str
    code: str | None = None
    cid: str | None = None
    png: bytes | None = None
    place: str | None = None
    forward: str | None = None
    is_named: bool = False


@dataclass(frozen=True)
class Facts:
    """When and where, as the ticket says it; `was_when` and `was_where` are what of it
    has changed, as it was."""

    title: str
    day: str
    time: str
    elsewhere: list[str]
    doors: str | None
    place: list[str]
    access: str | None
    was_when: str = ""
    was_where: str = ""


def message_id_of(message: Message, public_url: str) -> str:
    """The same for each try. Behind its @ stands the site's host, that of an IPv6
    address as a plain word: RFC 5322, section 3.6.4, has no colons there."""
    host = urlsplit(public_url).hostname or "localhost"
    return f"{message.uuid}@{host.replace(':', '-')}"


def compose(
    message: Message,
    *,
    code_key: bytes,
    public_url: str,
    at: datetime | None = None,
    masked: bool = False,
) -> Mail:
    """Write the mail of a message, in the language of its registration, as it goes out
    at `at`; without: when it went out, or is to.

    With `masked` secret links and codes are `••••` and there are no pictures: this is
    what organizers may see. Needs an application context (templates, language).
    """
    language = i18n.language_for(message.registration.language)
    with force_locale(language):
        at = at or message.sent_at or message.due_at
        base = public_url.rstrip("/")
        return written(message, code_key, base, at, masked, language)


def written(
    message: Message,
    code_key: bytes,
    public_url: str,
    at: datetime,
    masked: bool,
    language: str,
) -> Mail:
    event, registration = message.event, message.registration
    host = urlsplit(public_url).hostname or "localhost"
    message_id = message_id_of(message, public_url)
    words = texts.words(message, at)
    is_neutral = shared.is_neutral(message)
    links = links_of(message, code_key, public_url, masked)
    shown = tickets_of(message, code_key, public_url, message_id, masked)
    facts = None
    if not is_neutral:
        facts = facts_of(event, shared.mode_of(message), language)
        facts = replace(facts, **as_it_was(message, language))
    calendar, method = calendar_of(message, code_key, public_url, masked)
    standing = shared.standing(message)
    contact = None if is_neutral else event.contact
    hosts = (
        [] if is_neutral else [icalendar.clean(host["name"]) for host in event.hosts]
    )
    context = {
        "language": language,
        "direction": Locale.parse(language).text_direction,
        "words": words,
        "own": [linked(paragraph) for paragraph in words.own],
        "preheader": preheader(words, facts),
        "facts": facts,
        "standing": str(standing),
        "is_over": standing.is_over,
        "is_online": shared.is_online(message),
        "admission": icalendar.clean(
            message.facts.get("admission") or registration.admission.name
        ),
        "online_note": icalendar.clean(event.online_note or "") if links.join else "",
        "tickets": shown,
        "links": links,
        "labels": labels.labels_of(
            message, joins=bool(links.join), method=method if calendar else None
        ),
        "masked": masked,
        "contact": contact,
        "hosts": joined(hosts, language),
        "site": current_app.config["SITE_NAME"],
        "host": host,
        "reference": registration.reference,
    }
    return Mail(
        subject=words.subject,
        text=paragraphs(rendered("mail/message.txt", context)),
        html=inlined(rendered("mail/message.html", context)),
        images={t.cid: t.png for t in shown if t.cid and t.png},
        calendar=calendar,
        method=method,
        calendar_name="appointment.ics" if event.discreet else f"{event.slug}.ics",
        reply_to=contact,
        message_id=message_id,
        unsubscribe=links.mute,
    )


def rendered(template: str, context: dict[str, object]) -> str:
    # Not render_template: pages' context processors belong to requests.
    return current_app.jinja_env.get_template(template).render(context)


def paragraphs(text: str) -> str:
    """The text with one empty line where the template left several."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def inlined(html: str) -> str:
    """The styles in each element, as many mail clients want it; the dark ones stay."""
    return inliner().inline(html)


# --- links and tickets --------------------------------------------------------------


def links_of(message: Message, code_key: bytes, public_url: str, masked: bool) -> Links:
    registration = message.registration
    secret = tokens.mailed_token(code_key, registration.uuid, registration.link_version)
    seated = shared.is_seated_now(message) and is_theirs(message)
    # Who wrote it themselves put the link in where it belongs.
    seated = seated and message.kind != MessageKind.NOTE
    manage = f"{public_url}/r/{MASK if masked else secret}"
    mute = None
    if message.kind in EXTRAS:
        token = tokens.mute_token(
            code_key, registration.uuid, registration.link_version
        )
        mute = f"{public_url}/u/{MASK if masked else token}"
    if not is_theirs(message):
        manage, mute = "", None
    asks = shared.standing(message) == Standing.ASKED
    asks = asks or shared.asks_about_change(message)
    coming = manage and f"{manage}/coming"
    return Links(
        manage=manage,
        button=coming if asks else manage,
        second=coming and f"{coming}#give-up",
        erase=manage and f"{manage}/erasure",
        event=f"{public_url}/events/{message.event.slug}",
        join=icalendar.join_link(registration) if seated else None,
        mute=mute,
    )


def is_theirs(message: Message) -> bool:
    """Whether the registration still belongs to the address that the mail goes to. It
    may have been handed on since: then its links and codes are another's."""
    same = message.recipient_key == message.registration.email_key
    return same and message.kind != MessageKind.PASSED_ON


def ticket_url(
    attendee: Attendee, code_key: bytes, public_url: str, masked: bool
) -> str:
    secret = tokens.ticket_token(code_key, attendee.uuid, attendee.code_version)
    return f"{public_url}/t/{MASK if masked else secret}"


def told_of(message: Message) -> list[Attendee]:
    """The attendees that the message is about: as it was written, or as it goes out
    where it tells of no change and may have waited for long."""
    registration = message.registration
    told = message.facts.get("attendees")
    if told is None or message.kind in EXTRAS:
        return registration.coming
    return [a for a in registration.attendees if a.uuid.hex in told]


def tickets_of(
    message: Message, code_key: bytes, public_url: str, message_id: str, masked: bool
) -> list[Ticket]:
    if not is_theirs(message) or shared.is_neutral(message):
        return []
    if message.kind == MessageKind.NOTE:
        return []
    party, registration = told_of(message), message.registration
    if shared.standing(message) == Standing.PAST:
        return []
    if message.kind == MessageKind.CHANGED and registration.proved_at is None:
        # A change is easily made again and again, with other names each time.
        return [Ticket(name=unproved_names.places(len(party)))]
    if shared.standing(message) != Standing.SEATED:
        return [without_code(message, len(party))]
    found = []
    for attendee in party:
        text = tokens.code_text(
            tokens.attendee_code(code_key, attendee.uuid, attendee.code_version)
        )
        url = ticket_url(attendee, code_key, public_url, masked)
        ticket = Ticket(
            name=unproved_names.name_of(attendee, registration),
            code=tokens.grouped(text),
            cid=f"ticket-{attendee.position + 1}.{message_id}",
            png=qr.qr_png(text),
            forward=url if attendee.position else None,
            is_named=registration.proved_at is not None,
        )
        if masked:
            ticket = replace(ticket, code=" ".join([MASK] * 7), cid=None, png=None)
        found.append(ticket)
    return found


def without_code(message: Message, people: int) -> Ticket:
    """The one ticket of a party that waits, or that does not come any more."""
    place = message.facts.get("place")
    in_line = shared.standing(message) == Standing.IN_LINE
    return Ticket(
        name=unproved_names.party_name(message.registration, people),
        place=i18n.ordinal(place) if in_line and place else None,
    )


def calendar_of(
    message: Message, code_key: bytes, public_url: str, masked: bool
) -> tuple[bytes | None, str]:
    """The calendar entry to attach, with its method: where a place is held for sure, or
    was; none that would say something else than the mail does."""
    registration, event = message.registration, message.event
    host = urlsplit(public_url).hostname or "localhost"
    if message.kind == MessageKind.PASSED_ON:
        gone = icalendar.registration_calendar(
            registration, host=host, at=message.created_at, is_off=True
        )
        return gone, "CANCEL"
    if not is_theirs(message) or message.kind in EXTRAS:
        # An extra tells of no change: calendars have the entry, and some would ask
        # about a second one.
        return None, "PUBLISH"
    seated = shared.is_seated_now(message) and event.status == Status.PUBLISHED
    off = (
        shared.standing(message).is_over
        and shared.had_a_place(message)
        and (not registration.is_live or event.status == Status.CANCELLED)
    )
    if not (seated or off):
        return None, "PUBLISH"
    party = told_of(message) or registration.attendees
    url = ticket_url(party[0], code_key, public_url, masked) if party else None
    entry = icalendar.registration_calendar(
        registration, host=host, url=url, at=message.created_at, is_off=off
    )
    return entry, "CANCEL" if off else "PUBLISH"


# --- words that the templates print -------------------------------------------------


def preheader(words: Words, facts: Facts | None) -> str:
    """What lists of mails show beside the subject: the first sentence, then when."""
    when = f"{facts.day}, {facts.time}." if facts else ""
    return f"{words.preview or words.headline} {when}".rstrip()


def facts_of(event: Event, mode: str, language: str) -> Facts:
    zone, in_person = event.zone, mode == Mode.IN_PERSON
    starts = event.starts_at.astimezone(zone)
    return Facts(
        title=icalendar.clean(event.title),
        day=i18n.day(event.starts_at, zone, language),
        time=times(event.starts_at, event.ends_at, zone, language),
        elsewhere=[
            elsewhere(event, starts, name, language) for name in event.also_show or []
        ],
        doors=i18n.clock(event.doors_at, zone)
        if event.doors_at and in_person
        else None,
        place=icalendar.venue_lines(event) if in_person else [_("Online")],
        access=icalendar.clean(event.venue_access or "") if in_person else None,
    )


def times(starts_at: datetime, ends_at: datetime, zone: ZoneInfo, language: str) -> str:
    """From when to when, with the day of the end where that is another one."""
    end = i18n.clock(ends_at, zone)
    if starts_at.astimezone(zone).date() != ends_at.astimezone(zone).date():
        end = f"{i18n.day(ends_at, zone, language)}, {end}"
    return _(
        "%(start)s to %(end)s, %(zone)s time",
        start=i18n.clock(starts_at, zone),
        end=end,
        zone=i18n.zone_name(zone, language),
    )


def as_it_was(message: Message, language: str) -> dict[str, Any]:
    """What has changed of when and where, as it was before."""
    before, what = message.facts.get("before"), shared.changes_of(message)
    was: dict[str, Any] = {}
    if not before:
        return was
    if "time" in what:
        zone = ZoneInfo(before["timezone"])
        ends_at = datetime.fromisoformat(before["ends"])
        starts_at = datetime.fromisoformat(before["starts"])
        day = i18n.day(starts_at, zone, language)
        was["was_when"] = f"{day}, {times(starts_at, ends_at, zone, language)}"
    if {"place", "mode"} & what:
        place = ", ".join(icalendar.clean(line) for line in before["place"])
        was["was_where"] = place if before["mode"] == Mode.IN_PERSON else _("Online")
    return was


def elsewhere(event: Event, starts: datetime, name: str, language: str) -> str:
    """The start in another zone, with its day where that is another one."""
    zone = ZoneInfo(name)
    there = event.starts_at.astimezone(zone)
    time = i18n.clock(event.starts_at, zone)
    if there.date() != starts.date():
        time = f"{i18n.day(event.starts_at, zone, language)}, {time}"
    return _("%(time)s %(zone)s time", time=time, zone=i18n.zone_name(zone, language))


def joined(names: list[str], language: str) -> str:
    return lists.format_list(names, locale=Locale.parse(language)) if names else ""
