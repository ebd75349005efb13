"""Account mails: password resets and delivery failures, for organizers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from babel import Locale
from flask import current_app
from flask_babel import force_locale

from rsvp import i18n
from rsvp.formats.mail.render import (
    RenderedMail,
    inline_styles,
    message_id_of,
    render_mail_template,
    squeeze_blank_lines,
)
from rsvp.formats.mail.texts.shared import MailWords
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message
from rsvp.text import cleaning


def password_reset_mail(
    message: Message, *, link: str, good_for: timedelta, public_url: str
) -> RenderedMail:
    """Render the mail with the link to another password; the link works for `good_for`.

    Needs an application context (templates, language).
    """
    host = urlsplit(public_url).hostname or "localhost"
    site = current_app.config["SITE_NAME"]
    with force_locale(i18n.AVAILABLE[0]):
        hours = int(good_for.total_seconds() // 3600)
        words = MailWords(
            subject=_("A new password for %(site)s", site=site),
            headline=_("Choose a new password."),
            lead=(
                _(
                    "Somebody, most likely you, asked for this at %(host)s, for the "
                    "account of %(address)s.",
                    host=host,
                    address=message.recipient,
                ),
                ngettext(
                    "The link works once, within an hour of this mail.",
                    "The link works once, within %(num)d hours of this mail.",
                    hours,
                ),
            ),
        )
        return compose_account_mail(
            message,
            words,
            link=link,
            button=_("Choose a new password"),
            after=_(
                "Until you do, the old one stays as it is. A new one signs you out "
                "everywhere you are signed in."
            ),
            not_you=_(
                "Not you? Then you don’t need to do anything: without this link nobody "
                "can change your password. Don’t pass this mail on."
            ),
            public_url=public_url,
        )


MAX_NAMED = 20
"""How many registrations a mail lists; of more it says how many they are."""


def delivery_failures_mail(
    message: Message, *, references: Sequence[str], link: str, public_url: str
) -> RenderedMail:
    """Render the mail to an organizer about those who are out of reach, by their
    references: whose they are stands on the site, behind the sign-in.

    Needs an application context (templates, language).
    """
    event, many = message.event, len(references)
    with force_locale(i18n.AVAILABLE[0]):
        title = "" if event.discreet else cleaning.strip_controls(event.title)
        named = ", ".join(references[:MAX_NAMED])
        words = MailWords(
            subject=ngettext(
                "A mail to %(num)d person does not arrive",
                "Mails to %(num)d people do not arrive",
                many,
            ),
            headline=ngettext(
                "A mail to %(num)d of your attendees could not be delivered.",
                "Mails to %(num)d of your attendees could not be delivered.",
                many,
            ),
            lead=(
                *((_("The event: %(title)s", title=title),) if title else ()),
                ngettext(
                    "The registration: %(references)s",
                    "The registrations: %(references)s",
                    many,
                    references=named if many <= MAX_NAMED else f"{named}, …",
                ),
            ),
        )
        return compose_account_mail(
            message,
            words,
            link=link,
            button=_("See why, and correct the address"),
            after=_(
                "Often an address is mistyped. If you know the right one, correct it "
                "there, and the mail goes out again."
            ),
            not_you=_(
                "You get this mail because you may read the messages of this event. It "
                "comes once an hour at most."
            ),
            public_url=public_url,
        )


def compose_account_mail(
    message: Message,
    words: MailWords,
    *,
    link: str,
    button: str,
    after: str,
    not_you: str,
    public_url: str,
) -> RenderedMail:
    """Render a mail with one button, in the language that the caller has set."""
    language = i18n.AVAILABLE[0]
    host = urlsplit(public_url).hostname or "localhost"
    context = {
        "language": language,
        "direction": Locale.parse(language).text_direction,
        "words": words,
        "preheader": " ".join(words.lead),
        "link": link,
        "button": button,
        "after": after,
        "not_you": not_you,
        "site": current_app.config["SITE_NAME"],
        "host": host,
    }
    return RenderedMail(
        subject=words.subject,
        text=squeeze_blank_lines(render_mail_template("mail/account.txt", context)),
        html=inline_styles(render_mail_template("mail/account.html", context)),
        images={},
        calendar=None,
        method="",
        calendar_name="",
        reply_to=None,
        message_id=message_id_of(message, public_url),
    )
