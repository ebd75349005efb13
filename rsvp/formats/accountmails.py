"""Account mails: what people who run events are told about their own account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

from babel import Locale
from flask import current_app
from flask_babel import force_locale, gettext, ngettext

from rsvp import i18n
from rsvp.formats.mails import Mail, inlined, paragraphs, rendered
from rsvp.formats.mailtexts import Words
from rsvp.models import Message

_: Callable[..., str] = gettext
_n: Callable[..., str] = ngettext


def new_password(
    message: Message, *, link: str, good_for: timedelta, public_url: str
) -> Mail:
    """The mail with the link to another password; the link works for `good_for`.

    Needs an application context (templates, language).
    """
    language = i18n.AVAILABLE[0]
    host = urlsplit(public_url).hostname or "localhost"
    site = current_app.config["SITE_NAME"]
    with force_locale(language):
        hours = int(good_for.total_seconds() // 3600)
        words = Words(
            subject=_("A new password for %(site)s", site=site),
            headline=_("Choose a new password."),
            lead=(
                _(
                    "Somebody, most likely you, asked for this at %(host)s, for the "
                    "account of %(address)s.",
                    host=host,
                    address=message.recipient,
                ),
                _n(
                    "The link works once, within an hour of this mail.",
                    "The link works once, within %(num)d hours of this mail.",
                    hours,
                ),
            ),
        )
        context = {
            "language": language,
            "direction": Locale.parse(language).text_direction,
            "words": words,
            "preheader": " ".join(words.lead),
            "link": link,
            "button": _("Choose a new password"),
            "after": _(
                "Until you do, the old one stays as it is. A new one signs you out "
                "everywhere you are signed in."
            ),
            "not_you": _(
                "Not you? Then you don't need to do anything: without this link nobody "
                "can change your password. Don't pass this mail on."
            ),
            "site": site,
            "host": host,
        }
        return Mail(
            subject=words.subject,
            text=paragraphs(rendered("mail/account.txt", context)),
            html=inlined(rendered("mail/account.html", context)),
            images={},
            calendar=None,
            method="",
            calendar_name="",
            reply_to=None,
            message_id=f"{message.uuid}@{host}",
        )
