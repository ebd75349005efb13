"""Guards: who may enter a view. Every route declares one; a test walks them all.

A declared guard runs before its view. `public` is for pages that anyone may look at,
`public_form` for what anyone may send from our own pages, `by_link` for whoever has a
secret link, `by_mail_button` for one that mail programs use by themselves,
`by_door_pass` for whoever has a door's, `by_phone` for the phones that one
enrolled, `signed_in` for accounts, `before_sign_in` for pages that lead into one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, request
from flask_security.decorators import auth_required

from rsvp import i18n
from rsvp.db import utcnow
from rsvp.domain import doors
from rsvp.errors import DoorClosed, PhoneStopped, PhoneUnknown
from rsvp.extensions import csrf, limiter
from rsvp.models import Device
from rsvp.models.door import door_ends_at
from rsvp.networks import network_of

View = TypeVar("View", bound=Callable[..., Any])

READING = ("GET", "HEAD", "OPTIONS")

DECLARED = "rsvp_guard"

PHONE_COOKIE = "rsvp_door"


# --- the guards ---------------------------------------------------------------------


def public(view: View) -> View:
    """Anyone may look, and looking changes nothing."""
    return declare(view, "public")


def public_form(view: Callable[..., Any]) -> Callable[..., Any]:
    """Anyone may send it, from our own pages, a limited number of times a minute."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not came_from_here():
            abort(403)
        return view(*args, **kwargs)

    return declare(within_form_limit(guarded), "public_form")


def by_link(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever has the secret link. What it shows stays out of caches and indexes.

    The view looks the link up and answers 404 for one that is not ours.
    """

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        # These pages send no referrer, and browsers then write `Origin: null`.
        if request.method not in READING and not came_from_here(hidden_is_fine=True):
            abort(403)
        response: Response = current_app.make_response(view(*args, **kwargs))
        keep_private(response)
        return response

    return declare(guarded, "by_link")


def by_mail_button(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever has the secret link of a mail: from its page, or by the button of a mail
    program, which sends from wherever that runs (RFC 8058)."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not (is_one_click() or came_from_here(hidden_is_fine=True)):
            abort(403)
        response: Response = current_app.make_response(view(*args, **kwargs))
        keep_private(response)
        return response

    return declare(within_form_limit(guarded), "by_mail_button")


def is_one_click() -> bool:
    """Whether exactly what that button sends was sent, and nothing else."""
    return (
        request.method == "POST"
        and not request.args
        and request.form.to_dict(flat=False) == {"List-Unsubscribe": ["One-Click"]}
    )


def by_door_pass(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever has a door's link, `token`; the view is called with its pass.

    One that has ended or was revoked says so and leads no further; one that is not open
    yet is the view's to explain.
    """

    @functools.wraps(view)
    def guarded(token: str) -> Any:
        door_pass = doors.find_pass(token)
        if door_pass is None:
            abort(404)
        g.language = i18n.language_for(door_pass.event.language)
        has_ended = utcnow() >= door_ends_at(door_pass.event)
        if door_pass.revoked_at is not None or has_ended:
            raise DoorClosed(opens_at=None)
        return view(door_pass)

    # Where it came from is looked at before anything is looked up.
    return declare(by_link(guarded), "by_door_pass")


def by_phone(view: Callable[..., Any]) -> Callable[..., Any]:
    """Phones at a door; the view finds its own in `g.phone`."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.phone = phone_at_door()
        g.language = i18n.language_for(g.phone.door_pass.event.language)
        return view(*args, **kwargs)

    return declare(by_link(guarded), "by_phone")


def phone_at_door() -> Device:
    """The phone that asks, with its pass and event.

    Raises PhoneUnknown where it was never enrolled, PhoneStopped where it may not scan
    any more.
    """
    device = doors.find_device(request.cookies.get(PHONE_COOKIE, ""))
    if device is None:
        raise PhoneUnknown
    if not doors.works_at(device, utcnow()):
        raise PhoneStopped
    return device


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """People with an account; what they send carries their session's token."""

    @functools.wraps(view)
    @auth_required("session")
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method not in READING:
            csrf.protect()
        return view(*args, **kwargs)

    return declare(guarded, "signed_in")


def before_sign_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """Anyone, on their way to an account; what they send carries their session's token.

    Each such view counts tries by itself, and keeps out those that guess.
    """

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method not in READING:
            csrf.protect()
        return view(*args, **kwargs)

    return declare(guarded, "before_sign_in")


def declare(view: View, guard: str) -> View:
    """Note which guard a view has; used directly for views that guard themselves."""
    setattr(view, DECLARED, guard)
    return view


def declare_prefix(app: Flask, prefix: str, guard: str) -> None:
    """Note the guard of a library's own views, whose endpoints begin with `prefix`."""
    noted = app.extensions.setdefault(DECLARED, {})
    noted.update(
        (name, guard) for name in app.view_functions if name.startswith(prefix)
    )


def declared(app: Flask, endpoint: str) -> str | None:
    """The guard that a route has, or None where it has none."""
    noted: dict[str, str] = app.extensions.get(DECLARED, {})
    return noted.get(endpoint) or getattr(app.view_functions[endpoint], DECLARED, None)


# --- what they check ----------------------------------------------------------------


def came_from_here(*, hidden_is_fine: bool = False) -> bool:
    """Whether a page of ours sent this, as far as the browser says.

    Sec-Fetch-Site and Origin are written by browsers and can't be set by a page. What
    says nothing is let in: no sign-in is at stake, only our own forms in other sites.
    `hidden_is_fine` lets `Origin: null` in, which a page without referrer sends.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    if site is None and (origin is None or (origin == "null" and hidden_is_fine)):
        return True
    if site == "cross-site" or not origin:
        return False
    ours = current_app.config["PUBLIC_URL"]
    return origin == "{0.scheme}://{0.netloc}".format(urlsplit(ours)) or (
        urlsplit(origin).netloc == request.host
    )


def keep_private(response: Response) -> None:
    """Keep an answer out of caches and indexes, and its address out of referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"


def network() -> str:
    """Whose requests are counted together with this one."""
    return network_of(request.remote_addr)


def form_limit() -> str:
    limit: str = current_app.config["FORM_LIMIT"]
    return limit


within_form_limit = limiter.shared_limit(form_limit, scope="forms", key_func=network)
