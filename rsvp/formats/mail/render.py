"""Render a mail: an outbox message as text, HTML, images and calendar attachment.

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
from rsvp.formats import location, qr
from rsvp.formats.feeds import icalendar
from rsvp.formats.mail import texts, unproved_names
from rsvp.formats.mail.autolink import link_addresses
from rsvp.formats.mail.texts import labels, shared
from rsvp.formats.mail.texts.shared import MailSituation, MailWords
from rsvp.i18n import gettext as _
from rsvp.models import Attendee, Event, Message
from rsvp.models.event import Mode, Status
from rsvp.models.message import OPTIONAL_KINDS, MessageKind
from rsvp.text import cleaning

MASK = "••••"
"""What stands for secret links and codes in a mail that is shown to organizers."""


@dataclass(frozen=True)
class RenderedMail:
    """A rendered message: everything but who gets it.

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
class MailLinks:
    """Links of a mail. All but `event` are secret; empty where the registration is no
    more the recipient's. `button` is where the one button leads, `second` where the
    other answer of a question does, and `mute` where one asks for no more mails like
    this one."""

    manage: str
    button: str
    second: str
    erase: str
    event: str
    join: str | None
    mute: str | None = None


@dataclass(frozen=True)
class MailTicket:
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
class EventFacts:
    """When and where, as the ticket says it; `was_when` and `was_where` are the old
    values of what has changed."""

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
    """Return the Message-ID, the same for each try. Behind its @ stands the site's
    host, that of an IPv6 address as a plain word: RFC 5322, section 3.6.4, has no
    colons there."""
    host = urlsplit(public_url).hostname or "localhost"
    return f"{message.uuid}@{host.replace(':', '-')}"


def compose(
    message: Message,
    *,
    code_key: bytes,
    public_url: str,
    at: datetime | None = None,
    masked: bool = False,
) -> RenderedMail:
    """Render the mail of a message, in the language of its registration, as it goes out
    at `at`; without: when it went out, or is to.

    With `masked` secret links and codes are `••••` and there are no pictures: this is
    what organizers may see. Needs an application context (templates, language).
    """
    language = i18n.language_for(message.registration.language)
    with force_locale(language):
        at = at or message.sent_at or message.due_at
        base = public_url.rstrip("/")
        return compose_now(message, code_key, base, at, masked, language)


def compose_now(
    message: Message,
    code_key: bytes,
    public_url: str,
    at: datetime,
    masked: bool,
    language: str,
) -> RenderedMail:
    event, registration = message.event, message.registration
    host = urlsplit(public_url).hostname or "localhost"
    message_id = message_id_of(message, public_url)
    words = texts.mail_words(message, at)
    is_neutral = shared.is_neutral(message)
    links = mail_links(message, code_key, public_url, masked)
    tickets = mail_tickets(message, code_key, public_url, message_id, masked)
    facts = None
    if not is_neutral:
        facts = event_facts(event, shared.mode_of(message), language)
        facts = replace(facts, **changed_facts(message, language))
    calendar, method = calendar_attachment(message, code_key, public_url, masked)
    situation = shared.situation_of(message)
    contact = None if is_neutral else event.contact
    hosts = (
        []
        if is_neutral
        else [cleaning.strip_controls(host["name"]) for host in event.hosts]
    )
    context = {
        "language": language,
        "direction": Locale.parse(language).text_direction,
        "words": words,
        "own": [link_addresses(paragraph) for paragraph in words.own],
        "preheader": preheader(words, facts),
        "facts": facts,
        "standing": str(situation),
        "is_over": situation.is_over,
        "is_online": shared.is_online(message),
        "admission": cleaning.strip_controls(
            message.facts.get("admission") or registration.admission.name
        ),
        "online_note": cleaning.strip_controls(event.online_note or "")
        if links.join
        else "",
        "tickets": tickets,
        "links": links,
        "labels": labels.mail_labels(
            message, joins=bool(links.join), method=method if calendar else None
        ),
        "masked": masked,
        "contact": contact,
        "hosts": join_names(hosts, language),
        "site": current_app.config["SITE_NAME"],
        "host": host,
        "reference": registration.reference,
    }
    return RenderedMail(
        subject=words.subject,
        text=squeeze_blank_lines(render_mail_template("mail/message.txt", context)),
        html=inline_styles(render_mail_template("mail/message.html", context)),
        images={t.cid: t.png for t in tickets if t.cid and t.png},
        calendar=calendar,
        method=method,
        calendar_name="appointment.ics" if event.discreet else f"{event.slug}.ics",
        reply_to=contact,
        message_id=message_id,
        unsubscribe=links.mute,
    )


def render_mail_template(template: str, context: dict[str, object]) -> str:
    # Not render_template: pages' context processors belong to requests.
    return current_app.jinja_env.get_template(template).render(context)


def squeeze_blank_lines(text: str) -> str:
    """Return the text with one empty line where the template left several."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def css_inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def inline_styles(html: str) -> str:
    """Inline the styles in each element, as many mail clients want it; the dark ones
    stay."""
    return css_inliner().inline(html)


# --- links and tickets --------------------------------------------------------------


def mail_links(
    message: Message, code_key: bytes, public_url: str, masked: bool
) -> MailLinks:
    registration = message.registration
    secret = tokens.mailed_token(code_key, registration.uuid, registration.link_version)
    is_seated = shared.is_seated_now(message) and is_addressed_to_holder(message)
    # Who wrote it themselves put the link in where it belongs.
    is_seated = is_seated and message.kind != MessageKind.NOTE
    manage = f"{public_url}/r/{MASK if masked else secret}"
    mute = None
    if message.kind in OPTIONAL_KINDS:
        token = tokens.mute_token(
            code_key, registration.uuid, registration.link_version
        )
        mute = f"{public_url}/u/{MASK if masked else token}"
    if not is_addressed_to_holder(message):
        manage, mute = "", None
    asks = shared.situation_of(message) == MailSituation.ASKED
    asks = asks or shared.asks_about_change(message)
    coming = manage and f"{manage}/coming"
    return MailLinks(
        manage=manage,
        button=coming if asks else manage,
        second=coming and f"{coming}#give-up",
        erase=manage and f"{manage}/erasure",
        event=f"{public_url}/events/{message.event.slug}",
        join=location.join_link(registration) if is_seated else None,
        mute=mute,
    )


def is_addressed_to_holder(message: Message) -> bool:
    """Whether the registration still belongs to the address that the mail goes to. It
    may have been handed on since: then its links and codes are another's."""
    same = message.recipient_key == message.registration.email_key
    return same and message.kind != MessageKind.PASSED_ON


def ticket_url(
    attendee: Attendee, code_key: bytes, public_url: str, masked: bool
) -> str:
    secret = tokens.ticket_token(code_key, attendee.uuid, attendee.code_version)
    return f"{public_url}/t/{MASK if masked else secret}"


def recipients_party(message: Message) -> list[Attendee]:
    """Return the attendees that the message is about: as it was written, or as it goes
    out where it tells of no change and may have waited for long."""
    registration = message.registration
    attendee_ids = message.facts.get("attendees")
    if attendee_ids is None or message.kind in OPTIONAL_KINDS:
        return registration.coming_attendees
    return [a for a in registration.attendees if a.uuid.hex in attendee_ids]


def mail_tickets(
    message: Message, code_key: bytes, public_url: str, message_id: str, masked: bool
) -> list[MailTicket]:
    if not is_addressed_to_holder(message) or shared.is_neutral(message):
        return []
    if message.kind == MessageKind.NOTE:
        return []
    party, registration = recipients_party(message), message.registration
    if shared.situation_of(message) == MailSituation.PAST:
        return []
    if message.kind == MessageKind.CHANGED and registration.proved_at is None:
        # A change is easily made again and again, with other names each time.
        return [MailTicket(name=unproved_names.places_label(len(party)))]
    if shared.situation_of(message) != MailSituation.SEATED:
        return [codeless_ticket(message, len(party))]
    tickets = []
    for attendee in party:
        text = tokens.code_text(
            tokens.attendee_code(code_key, attendee.uuid, attendee.code_version)
        )
        url = ticket_url(attendee, code_key, public_url, masked)
        ticket = MailTicket(
            name=unproved_names.ticket_name(attendee, registration),
            code=tokens.group_code(text),
            cid=f"ticket-{attendee.position + 1}.{message_id}",
            png=qr.qr_png(text),
            forward=url if attendee.position else None,
            is_named=registration.proved_at is not None,
        )
        if masked:
            ticket = replace(ticket, code=" ".join([MASK] * 7), cid=None, png=None)
        tickets.append(ticket)
    return tickets


def codeless_ticket(message: Message, people: int) -> MailTicket:
    """Return the one ticket of a party that waits, or that does not come any more."""
    place = message.facts.get("place")
    in_line = shared.situation_of(message) == MailSituation.IN_LINE
    return MailTicket(
        name=unproved_names.party_label(message.registration, people),
        place=i18n.ordinal(place) if in_line and place else None,
    )


def calendar_attachment(
    message: Message, code_key: bytes, public_url: str, masked: bool
) -> tuple[bytes | None, str]:
    """Return the calendar entry to attach, with its method: where a place is held for
    sure, or was; none that would say something else than the mail does."""
    registration, event = message.registration, message.event
    host = urlsplit(public_url).hostname or "localhost"
    if message.kind == MessageKind.PASSED_ON:
        cancelled_entry = icalendar.registration_calendar(
            registration, host=host, at=message.created_at, is_off=True
        )
        return cancelled_entry, "CANCEL"
    if not is_addressed_to_holder(message) or message.kind in OPTIONAL_KINDS:
        # An extra tells of no change: calendars have the entry, and some would ask
        # about a second one.
        return None, "PUBLISH"
    is_seated = shared.is_seated_now(message) and event.status == Status.PUBLISHED
    is_cancelled = (
        shared.situation_of(message).is_over
        and shared.had_a_place(message)
        and (not registration.is_live or event.status == Status.CANCELLED)
    )
    if not (is_seated or is_cancelled):
        return None, "PUBLISH"
    party = recipients_party(message) or registration.attendees
    url = ticket_url(party[0], code_key, public_url, masked) if party else None
    entry = icalendar.registration_calendar(
        registration, host=host, url=url, at=message.created_at, is_off=is_cancelled
    )
    return entry, "CANCEL" if is_cancelled else "PUBLISH"


# --- words that the templates print -------------------------------------------------


def preheader(words: MailWords, facts: EventFacts | None) -> str:
    """Return what lists of mails show beside the subject: the first sentence, then
    when."""
    when = f"{facts.day}, {facts.time}." if facts else ""
    return f"{words.preview or words.headline} {when}".rstrip()


def event_facts(event: Event, mode: str, language: str) -> EventFacts:
    zone, in_person = event.zone, mode == Mode.IN_PERSON
    starts = event.starts_at.astimezone(zone)
    return EventFacts(
        title=cleaning.strip_controls(event.title),
        day=i18n.day(event.starts_at, zone, language),
        time=time_range(event.starts_at, event.ends_at, zone, language),
        elsewhere=[
            time_in_zone(event, starts, name, language)
            for name in event.also_show or []
        ],
        doors=i18n.clock(event.doors_at, zone)
        if event.doors_at and in_person
        else None,
        place=location.venue_lines(event) if in_person else [_("Online")],
        access=cleaning.strip_controls(event.venue_access or "") if in_person else None,
    )


def time_range(
    starts_at: datetime, ends_at: datetime, zone: ZoneInfo, language: str
) -> str:
    """Return from when to when, with the day of the end where that is another one."""
    end = i18n.clock(ends_at, zone)
    if starts_at.astimezone(zone).date() != ends_at.astimezone(zone).date():
        end = f"{i18n.day(ends_at, zone, language)}, {end}"
    return _(
        "%(start)s to %(end)s, %(zone)s time",
        start=i18n.clock(starts_at, zone),
        end=end,
        zone=i18n.zone_name(zone, language),
    )


def changed_facts(message: Message, language: str) -> dict[str, Any]:
    """Return the old values of what has changed of when and where."""
    before, changed = message.facts.get("before"), shared.changed_parts(message)
    facts: dict[str, Any] = {}
    if not before:
        return facts
    if "time" in changed:
        zone = ZoneInfo(before["timezone"])
        ends_at = datetime.fromisoformat(before["ends"])
        starts_at = datetime.fromisoformat(before["starts"])
        day = i18n.day(starts_at, zone, language)
        facts["was_when"] = f"{day}, {time_range(starts_at, ends_at, zone, language)}"
    if {"place", "mode"} & changed:
        place = ", ".join(cleaning.strip_controls(line) for line in before["place"])
        facts["was_where"] = place if before["mode"] == Mode.IN_PERSON else _("Online")
    return facts


def time_in_zone(event: Event, starts: datetime, name: str, language: str) -> str:
    """Return the start in another zone, with its day where that is another one."""
    zone = ZoneInfo(name)
    local_start = event.starts_at.astimezone(zone)
    time = i18n.clock(event.starts_at, zone)
    if local_start.date() != starts.date():
        time = f"{i18n.day(event.starts_at, zone, language)}, {time}"
    return _("%(time)s %(zone)s time", time=time, zone=i18n.zone_name(zone, language))


def join_names(names: list[str], language: str) -> str:
    return lists.format_list(names, locale=Locale.parse(language)) if names else ""
