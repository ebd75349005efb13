"""Render a mail: an outbox message as text, HTML, images and calendar attachment.

Nothing that people answered is in them, and no picture is fetched from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
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
from rsvp.formats.mail.context import MailContext, MailSituation
from rsvp.formats.mail.links import MASK, MailUrls, mail_links
from rsvp.formats.mail.texts import labels
from rsvp.formats.mail.texts.shared import MailWords
from rsvp.i18n import gettext as _
from rsvp.models import Attendee, Event, Message, Registration
from rsvp.models.event import Mode, Status
from rsvp.models.message import OPTIONAL_KINDS, MessageKind
from rsvp.text import cleaning


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
    context = MailContext(message, at or message.sent_at or message.due_at)
    urls = MailUrls(public_url.rstrip("/"), code_key, masked)
    with force_locale(context.language):
        return compose_now(context, urls)


def compose_now(context: MailContext, urls: MailUrls) -> RenderedMail:
    event, registration = context.event, context.registration
    message_id = message_id_of(context.message, urls.public_url)
    words = texts.mail_words(context)
    links = mail_links(context, urls)
    tickets = mail_tickets(context, urls, message_id)
    facts = None if context.is_neutral else event_facts(context)
    calendar, method = calendar_attachment(context, urls)
    contact = None if context.is_neutral else event.contact
    hosts = [] if context.is_neutral else context.hosts
    variables = {
        "language": context.language,
        "direction": Locale.parse(context.language).text_direction,
        "words": words,
        "own": [link_addresses(paragraph) for paragraph in words.own],
        "preheader": preheader(words, facts),
        "facts": facts,
        "standing": str(context.situation),
        "is_over": context.situation.is_over,
        "is_online": context.is_online,
        "admission": context.admission,
        "online_note": cleaning.strip_controls(event.online_note or "")
        if links.join
        else "",
        "tickets": tickets,
        "links": links,
        "labels": labels.mail_labels(
            context, joins=bool(links.join), method=method if calendar else None
        ),
        "masked": urls.masked,
        "contact": contact,
        "hosts": join_names(hosts, context.language),
        "site": current_app.config["SITE_NAME"],
        "host": urls.host,
        "reference": registration.reference,
    }
    return RenderedMail(
        subject=words.subject,
        text=squeeze_blank_lines(render_mail_template("mail/message.txt", variables)),
        html=inline_styles(render_mail_template("mail/message.html", variables)),
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


# --- tickets -----------------------------------------------------------------------


def mail_tickets(
    context: MailContext, urls: MailUrls, message_id: str
) -> list[MailTicket]:
    registration, people = context.registration, len(context.party)
    if not context.is_addressed_to_holder or context.is_neutral:
        return []
    if context.kind == MessageKind.NOTE or context.situation == MailSituation.PAST:
        return []
    if context.kind == MessageKind.CHANGED and registration.proved_at is None:
        # A change is easily made again and again, with other names each time.
        return [MailTicket(name=unproved_names.places_label(people))]
    if context.situation != MailSituation.SEATED:
        return [codeless_ticket(context)]
    return [
        ticket_with_code(attendee, registration, urls, message_id)
        for attendee in context.party
    ]


def codeless_ticket(context: MailContext) -> MailTicket:
    """Return the one ticket of a party that waits, or that does not come any more."""
    place = context.facts.get("place")
    in_line = context.situation == MailSituation.IN_LINE
    return MailTicket(
        name=unproved_names.party_label(context.registration, len(context.party)),
        place=i18n.ordinal(place) if in_line and place else None,
    )


def ticket_with_code(
    attendee: Attendee, registration: Registration, urls: MailUrls, message_id: str
) -> MailTicket:
    ticket = MailTicket(
        name=unproved_names.ticket_name(attendee, registration),
        code=" ".join([MASK] * 7),
        forward=urls.ticket(attendee) if attendee.position else None,
        is_named=registration.proved_at is not None,
    )
    if urls.masked:
        return ticket
    code = tokens.attendee_code(urls.code_key, attendee.uuid, attendee.code_version)
    text = tokens.code_text(code)
    return replace(
        ticket,
        code=tokens.group_code(text),
        cid=f"ticket-{attendee.position + 1}.{message_id}",
        png=qr.qr_png(text),
    )


def calendar_attachment(
    context: MailContext, urls: MailUrls
) -> tuple[bytes | None, str]:
    """Return the calendar entry to attach, with its method: where a place is held for
    sure, or was; none that would say something else than the mail does."""
    registration, event = context.registration, context.event
    written_at = context.message.created_at
    if context.kind == MessageKind.PASSED_ON:
        cancelled_entry = icalendar.registration_calendar(
            registration, host=urls.host, at=written_at, is_off=True
        )
        return cancelled_entry, "CANCEL"
    if not context.is_addressed_to_holder or context.kind in OPTIONAL_KINDS:
        # An extra tells of no change: calendars have the entry, and some would ask
        # about a second one.
        return None, "PUBLISH"
    is_seated = context.is_seated_now and event.status == Status.PUBLISHED
    is_cancelled = (
        context.situation.is_over
        and context.had_a_place
        and (not registration.is_live or event.status == Status.CANCELLED)
    )
    if not (is_seated or is_cancelled):
        return None, "PUBLISH"
    party = context.party or registration.attendees
    entry = icalendar.registration_calendar(
        registration,
        host=urls.host,
        url=urls.ticket(party[0]) if party else None,
        at=written_at,
        is_off=is_cancelled,
    )
    return entry, "CANCEL" if is_cancelled else "PUBLISH"


# --- words that the templates print -------------------------------------------------


def preheader(words: MailWords, facts: EventFacts | None) -> str:
    """Return what lists of mails show beside the subject: the first sentence, then
    when."""
    when = f"{facts.day}, {facts.time}." if facts else ""
    return f"{words.preview or words.headline} {when}".rstrip()


def event_facts(context: MailContext) -> EventFacts:
    event, language, zone = context.event, context.language, context.event.zone
    in_person = context.mode == Mode.IN_PERSON
    starts = event.starts_at.astimezone(zone)
    return EventFacts(
        title=context.title,
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
        **facts_before_change(context),
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


def facts_before_change(context: MailContext) -> dict[str, str]:
    """Return the old values of what has changed of when and where."""
    before, changed = context.facts.get("before"), context.changed_parts
    facts: dict[str, str] = {}
    if not before:
        return facts
    language = context.language
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
