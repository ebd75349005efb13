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
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, request
from flask_babel import lazy_gettext as _l
from flask_security import current_user
from flask_security.decorators import auth_required
from flask_security.utils import is_user_authenticated
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import Forbidden

from rsvp import i18n, site_addresses
from rsvp.database import outages
from rsvp.db import utcnow, write
from rsvp.domain.checkin import passes
from rsvp.errors import (
    DoorPassFull,
    DoorPassInactive,
    DoorPassUnknown,
    PhoneStopped,
    PhoneUnknown,
)
from rsvp.extensions import csrf, limiter
from rsvp.models import Device
from rsvp.models.checkin import check_in_ends_at
from rsvp.networks import network_of

View = TypeVar("View", bound=Callable[..., Any])

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

GUARD_KEY = "rsvp_guard"

PHONE_COOKIE = "rsvp_door"


# --- the guards ---------------------------------------------------------------------


def public(view: View) -> View:
    """Anyone may look, and looking changes nothing."""
    return declare(view, "public")


def public_form(view: Callable[..., Any]) -> Callable[..., Any]:
    """Anyone may send it, from our own pages, a limited number of times a minute."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not is_same_origin():
            abort(403)
        return view(*args, **kwargs)

    return declare(within_form_limit(guarded), "public_form")


def by_link(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever has the secret link. What it shows stays out of caches and indexes, and
    forms are sent with it a limited number of times a minute.

    The view looks the link up and answers 404 for one that is not ours.
    """
    return declare(within_link_limit(kept_private(view)), "by_link")


def kept_private(view: Callable[..., Any]) -> Callable[..., Any]:
    """From our own pages, and out of caches and indexes."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        # These pages send no referrer, and browsers then write `Origin: null`.
        if request.method not in SAFE_METHODS and not is_same_origin(
            hidden_is_fine=True
        ):
            abort(403)
        response: Response = current_app.make_response(view(*args, **kwargs))
        keep_private(response)
        return response

    return guarded


def by_mail_button(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever has the secret link of a mail: from its page, or by the button of a mail
    program, which sends from wherever that runs (RFC 8058)."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not (is_one_click() or is_same_origin(hidden_is_fine=True)):
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
        door_pass = passes.find_pass_by_token(token)
        if door_pass is None:
            raise DoorPassUnknown
        g.language = i18n.language_for(door_pass.event.language)
        has_ended = utcnow() >= check_in_ends_at(door_pass.event)
        if door_pass.revoked_at is not None or has_ended:
            raise DoorPassInactive(opens_at=None)
        return view(door_pass)

    # Where it came from is looked at before anything is looked up.
    return declare(kept_private(guarded), "by_door_pass")


def by_phone(view: Callable[..., Any]) -> Callable[..., Any]:
    """Phones at a door; the view finds its own in `g.phone`."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.phone = current_phone()
        g.language = i18n.language_for(g.phone.door_pass.event.language)
        if request.method not in SAFE_METHODS and g.phone.came_back_at is None:
            confirm_phone(g.phone.id)
            g.phone = current_phone()
        return view(*args, **kwargs)

    return declare(kept_private(guarded), "by_phone")


def confirm_phone(phone_id: int) -> None:
    """The first form of a phone that was not known to keep cookies."""
    now = utcnow()
    try:
        # Where nothing can be written its scans are told so, and it counts later.
        with outages.best_effort(f"that phone {phone_id} came back"):
            write(passes.confirm_device, phone_id, now=now)
    except DoorPassFull as full:
        # As for any phone that may not scan: its script then stops, and says why.
        full.status = PhoneStopped.status
        raise


def current_phone() -> Device:
    """The phone that asks, with its pass and event.

    Raises PhoneUnknown where it was never enrolled, PhoneStopped where it may not scan
    any more.
    """
    device = passes.find_device_by_secret(request.cookies.get(PHONE_COOKIE, ""))
    if device is None:
        raise PhoneUnknown
    if not passes.may_scan(device, utcnow()):
        raise PhoneStopped
    return device


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """People with an account; what they send carries their session's token.

    Raises SignedOut where they sent a form from a page of ours and are out by now:
    a redirect would lose what they typed.
    """

    @functools.wraps(view)
    @auth_required("session")
    def inside(*args: Any, **kwargs: Any) -> Any:
        # The library has looked at the token, too; that is a matter of its settings.
        if request.method not in SAFE_METHODS:
            check_session_form()
        return view(*args, **kwargs)

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method not in SAFE_METHODS:
            refuse_other_sites()
            is_ours = is_same_origin(for_sure=True)
            if is_ours and not is_user_authenticated(current_user):
                raise SignedOut
        return inside(*args, **kwargs)

    return declare(guarded, "signed_in")


def before_sign_in(
    page_again: Callable[..., Any],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Anyone, on their way to an account; what they send carries their session's token.

    Where it does not, the page that `page_again` makes of the same address and form
    shows `g.form_notice`, which says why. Each such view counts tries by itself, and
    keeps out those that guess.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if request.method not in SAFE_METHODS:
                try:
                    check_session_form()
                except CSRFError:
                    return form_again_page(page_again, *args, **kwargs)
            return view(*args, **kwargs)

        return declare(guarded, "before_sign_in")

    return decorate


def form_again_page(page: Callable[..., Any], *args: Any, **kwargs: Any) -> Response:
    """A page that shows its form once more, since what was sent can't be taken."""
    g.form_notice = session_notice()
    response: Response = current_app.make_response(page(*args, **kwargs))
    if response.status_code == 200:
        response.status_code = CSRFError.code
    return response


def to_look(
    form: Callable[..., Any],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The guard for looking at the address of a form, by the form's own."""
    return LOOKING[getattr(form, GUARD_KEY)]


LOOKING: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "public_form": public,
    "by_link": by_link,
    "by_phone": public,
    "signed_in": signed_in,
}


class SignedOut(Forbidden):
    """A form for people who are signed in, sent by somebody who is not, any more."""


def declare(view: View, guard: str) -> View:
    """Note which guard a view has; used directly for views that guard themselves."""
    setattr(view, GUARD_KEY, guard)
    return view


def declare_prefix(app: Flask, prefix: str, guard: str) -> None:
    """Note the guard of a library's own views, whose endpoints begin with `prefix`."""
    noted = app.extensions.setdefault(GUARD_KEY, {})
    noted.update(
        (name, guard) for name in app.view_functions if name.startswith(prefix)
    )


def declared(app: Flask, endpoint: str) -> str | None:
    """The guard that a route has, or None where it has none."""
    noted: dict[str, str] = app.extensions.get(GUARD_KEY, {})
    return noted.get(endpoint) or getattr(app.view_functions[endpoint], GUARD_KEY, None)


# --- what they check ----------------------------------------------------------------


def check_session_form() -> None:
    """Let a form pass that a page of ours sent in this browser's session.

    Its token decides; where the form came from is looked at before. Raises Forbidden,
    or CSRFError where the session has another token or none.
    """
    refuse_other_sites()
    csrf.protect()


def refuse_other_sites() -> None:
    """Browsers may leave the Referer out, so its absence says nothing."""
    if not is_same_origin(hidden_is_fine=True) or has_foreign_referer():
        abort(403)


def is_same_origin(*, hidden_is_fine: bool = False, for_sure: bool = False) -> bool:
    """Whether a page of ours sent this, as far as the browser says.

    Sec-Fetch-Site and Origin are written by browsers and can't be set by a page. What
    says nothing is let in, unless `for_sure`: this keeps our own forms in other sites
    out, and where a sign-in is at stake the session's token decides.
    `hidden_is_fine` lets `Origin: null` in, which a page without referrer sends.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site == "same-origin" or (site == "none" and not for_sure):
        return True
    origin = request.headers.get("Origin")
    if site is None and (origin is None or (origin == "null" and hidden_is_fine)):
        return not for_sure
    if site == "cross-site" or not origin:
        return False
    return is_our_origin(origin)


def is_our_origin(origin: str) -> bool:
    """Whether an Origin is the public address, or the host that was asked.

    A proxy may lose the host or write a usual port behind it, so either will do.
    """
    if origin == current_app.config["PUBLIC_URL"]:
        return True
    try:
        sender = urlsplit(origin)
        asked_host = urlsplit(f"//{request.host}")
        usual = site_addresses.DEFAULT_PORTS.get(sender.scheme)
        return usual is not None and (sender.hostname, sender.port or usual) == (
            asked_host.hostname,
            asked_host.port or usual,
        )
    except ValueError:
        return False


def has_foreign_referer() -> bool:
    """Whether a browser that says nothing else names another site's page."""
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        return False
    if not request.referrer:
        return False
    hosts = (f"//{request.host}", current_app.config["PUBLIC_URL"])
    try:
        # A proxy may have another port than we know of.
        sender = urlsplit(request.referrer).hostname
        return sender not in [urlsplit(host).hostname for host in hosts]
    except ValueError:
        return True


# --- what a form's session lacks ----------------------------------------------------


@dataclass(frozen=True)
class Notice:
    """Why a form can't be taken, to be shown beside it; `address` leads on."""

    title: Any
    text: Any
    address: str | None = None


def session_notice() -> Notice:
    """What is wrong with the session that a form came in."""
    if current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        return Notice(
            _l("This page was not up to date"),
            _l(
                "It was opened before you signed in or out, or a long time ago. "
                "Nothing was done. Please send it once more."
            ),
        )
    if is_kept_from_cookies():
        return Notice(
            _l("Your browser sent no cookie"),
            _l(
                "This address is not encrypted, and browsers keep our cookie for https "
                "alone. Nobody can sign in here; please use the address with https:"
            ),
            current_app.config["PUBLIC_URL"] + request.path,
        )
    return Notice(
        _l("Your browser sent no cookie"),
        _l(
            "Without one nobody can sign in. Please send this once more. If you see it "
            "again, allow cookies for this site in the settings of your browser."
        ),
    )


def is_kept_from_cookies() -> bool:
    """Whether the browser is at an address where it keeps no cookie for https."""
    if not current_app.config["SESSION_COOKIE_SECURE"] or request.is_secure:
        return False
    # A proxy that speaks https may not say so, but the browser does.
    origin = request.headers.get("Origin", "")
    return origin.startswith("http://") and is_our_origin(origin)


def keep_private(response: Response) -> None:
    """Keep an answer out of caches and indexes, and its address out of referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"


def client_network() -> str:
    """Whose requests are counted together with this one."""
    return network_of(request.remote_addr)


def form_limit() -> str:
    limit: str = current_app.config["FORM_LIMIT"]
    return limit


within_form_limit = limiter.shared_limit(
    form_limit, scope="forms", key_func=client_network
)
within_link_limit = limiter.shared_limit(
    form_limit, scope="forms", key_func=client_network, methods=["POST"]
)
