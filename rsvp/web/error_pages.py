"""Error pages: refusals and HTTP errors, each as a calm page or as JSON (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import (
    Flask,
    Response,
    current_app,
    jsonify,
    render_template,
    request,
)
from flask_babel import lazy_gettext as _l
from flask_security import current_user
from flask_security.utils import is_user_authenticated
from werkzeug.exceptions import HTTPException

from rsvp.database import outages
from rsvp.errors import Refusal
from rsvp.extensions import db
from rsvp.web import form_actions

# --- the words ----------------------------------------------------------------------

REFUSAL_TEXTS: dict[str, tuple[Any, Any]] = {
    "event_cancelled": (
        _l("This event is cancelled"),
        _l("It will not take place, so nobody can register any more."),
    ),
    "event_over": (
        _l("This event is over"),
        _l("It has taken place, so nothing can be changed any more."),
    ),
    "registration_not_open": (
        _l("Registration has not opened yet"),
        _l("The page of the event says when it opens. Please come back then."),
    ),
    "registration_closed": (
        _l("Registration is closed"),
        _l("The organizer takes no more registrations for this event."),
    ),
    "registration_paused": (
        _l("Registration is paused"),
        _l("The organizer has paused it for the moment. Please try again later."),
    ),
    "full": (
        _l("All places are taken"),
        _l("Nothing is free, and this event keeps no waitlist."),
    ),
    "party_too_large": (
        _l("That is more people than can come together"),
        _l("Please register fewer people at a time."),
    ),
    "too_many_mails": (
        _l("Too many mails to this address"),
        _l(
            "This address has had several mails from us in a short time. Nothing was "
            "registered. Please try again in a few hours."
        ),
    ),
    "event_changed": (
        _l("The event was changed a moment ago"),
        _l("Please look at it again and send the form once more."),
    ),
    "already_over": (
        _l("This was given up before"),
        _l("There is nothing left to cancel. Your ticket page shows how it stands."),
    ),
    "already_in": (
        _l("This is not possible from here any more"),
        _l("Somebody of your party is already in. Please talk to the door."),
    ),
    "too_late_to_cancel": (
        _l("The time for changes is over"),
        _l("Nothing was changed. You can still write to the organizer."),
    ),
}
# What one's own registration answers.
REFUSAL_TEXTS |= {
    "link_ended": (
        _l("This link has ended"),
        _l(
            "It was that of the page after the form, and the one in our mail has been "
            "used since. That one goes on working: please open it from the mail."
        ),
    ),
    "line_full": (
        _l("The waitlist is full"),
        _l("Nothing is free, and nobody more can wait. Nothing was changed."),
    ),
    "no_seat_free": (
        _l("Nothing is free there"),
        _l(
            "No place is free that nobody else waits for, so all stays as it is. You "
            "can try again later."
        ),
    ),
    "not_confirmed": (
        _l("There is no place to pass on"),
        _l("Only a confirmed place can be passed on. Nothing was changed."),
    ),
    "not_offered": (
        _l("There is no offer to answer"),
        _l("It was answered before, or there was none. Your page shows how it stands."),
    ),
    "offer_ended": (
        _l("The offer has ended"),
        _l(
            "We heard nothing in time, and by now somebody else has the place. Nothing "
            "was changed."
        ),
    ),
    "answer_first": (
        _l("Please answer first"),
        _l(
            "Places are kept for you until you say yes or no. After that you can "
            "change the rest."
        ),
    ),
    "put_off_before": (
        _l("This can be put off once"),
        _l("You did so before. Say yes or no to this offer; until then it is kept."),
    ),
    "wrong_party": (
        _l("Choose who is coming"),
        _l("Fewer places are free than you are, or somebody chosen is not coming."),
    ),
    "address_in_use": (
        _l("This address has a registration here already"),
        _l("Nobody can have two of them for the same way in. Nothing was changed."),
    ),
    "not_passed_on": (
        _l("This place can’t be passed on"),
        _l(
            "Places of this event are meant for whom they were given to. If you can’t "
            "come, please give it up."
        ),
    ),
    "wrong_admission": (
        _l("That is no other way to come"),
        _l("The event has no such way in, or you have it already."),
    ),
    "no_invitation": (
        _l("This needs an invitation"),
        _l("The code opens nothing, or not any more. Ask whoever invited you."),
    ),
}
REFUSAL_TEXTS |= {
    "not_admitted": (
        _l("They can’t be let in"),
        _l(
            "The place was given up or still waits, or it is not the hour for it. The "
            "list of people says how it stands."
        ),
    ),
    "door_closed": (
        _l("The door is closed"),
        _l(
            "Its link was taken back, or has ended: it works until half a day after "
            "the event. Until then the organizer can make a new one."
        ),
    ),
    "door_full": (
        _l("This door has all its phones"),
        _l("Ask the organizer to send a phone home, or for another link."),
    ),
    "door_unknown": (
        _l("This link opens no door"),
        _l(
            "A part of it is missing, or there is a new one: when a phone is sent "
            "home, the link it knows ends with it. Ask the organizer for the code "
            "there is now. Phones that scan already go on."
        ),
    ),
    "phone_unknown": (
        _l("This phone is at no door"),
        _l(
            "The organizer has a link or a QR picture for the door. Open it on the "
            "phone that will scan, and say which door you are at. If you have just "
            "done so, its browser keeps no cookie: allow them for this site, and open "
            "it at its address with https."
        ),
    ),
    "phone_stopped": (
        _l("This phone no longer scans"),
        _l(
            "Its door has ended, or the phone was sent home. To scan again, ask the "
            "organizer for the new link."
        ),
    ),
}

# Said to organizers, where what is said to attendees would be wrong.
ORGANIZER_REFUSAL_TEXTS: dict[str, tuple[Any, Any]] = {
    "already_over": (
        _l("This registration is over"),
        _l("Somebody cancelled it before. Its page shows who, and when."),
    ),
    "already_in": (
        _l("Somebody of this party is already in"),
        _l("Whoever was let in can’t be cancelled before they leave."),
    ),
    "not_waiting": (
        _l("They don’t wait any more"),
        _l("A place came free for them, or somebody gave them one."),
    ),
    "not_requested": (
        _l("This request is decided already"),
        _l("Somebody decided it, or it was taken back. Its page shows who, and when."),
    ),
    "not_over": (
        _l("This registration is not over"),
        _l("Somebody brought it back already. Its page shows how it stands."),
    ),
    "no_seat_free": (
        _l("Not enough places are free"),
        _l("Nothing was changed. The page of seats shows what is taken."),
    ),
    "full": (
        _l("No place is free, and there is no line"),
        _l("Raise the capacity first, or give a place above the cap, with a reason."),
    ),
    "line_full": (
        _l("No place is free, and the line is full"),
        _l("Raise the capacity first, or give a place above the cap, with a reason."),
    ),
    "address_in_use": (
        _l("Their address is registered again"),
        _l("One address has one registration. Cancel the other one first."),
    ),
    "answer_first": (
        _l("They have to answer first"),
        _l("An offer or an address to be confirmed waits for them."),
    ),
    "doors_not_open": (
        _l("Doors are not open yet"),
        _l("Until then places go to the head of the line."),
    ),
    "event_cancelled": (
        _l("The event is cancelled"),
        _l(
            "Everybody was told that it will not take place, so nothing can be changed."
        ),
    ),
    "event_over": (
        _l("The event is over"),
        _l("It has taken place, or its data is erased, so nothing can be changed."),
    ),
    "outdated": (
        _l("This mail is not sent again"),
        _l("What it says is not so any more, or it is on its way already."),
    ),
    "on_its_way": (
        _l("This mail is no draft any more"),
        _l(
            "It was sent meanwhile, so it stays as it is. Its page shows how far it is."
        ),
    ),
    "nothing_to_stop": (
        _l("There is nothing left to stop"),
        _l("It was stopped already, or all of it has gone out. Its page says which."),
    ),
    "nobody_to_write_to": (
        _l("There is nobody to write to"),
        _l("The event is a draft, or its data is erased. Nothing was sent."),
    ),
    "edit_conflict": (_l("Somebody else changed it"), _l("Look at it again first.")),
    "in_use": (
        _l("People have registered"),
        _l(
            "A draft would leave them with tickets that lead nowhere. Pause "
            "registration instead, or cancel the event."
        ),
    ),
}
DEFAULT_REFUSAL_TEXT = (_l("That is not possible"), _l("Nothing was changed."))

HTTP_ERROR_TEXTS: dict[int, tuple[Any, Any]] = {
    400: (
        _l("We could not read that"),
        _l("What reached us was incomplete. Please go back and try again."),
    ),
    403: (
        _l("Please send this from its own page"),
        _l("It came from another site, so we did nothing. Open the page here instead."),
    ),
    404: (
        _l("There is nothing at this address"),
        _l("The link may be cut off or mistyped, or what it led to is gone."),
    ),
    405: (
        _l("This address only takes a form"),
        _l("Go back to the page with the form and send it from there."),
    ),
    408: (
        _l("That took too long to arrive"),
        _l(
            "Your connection was slow, and we stopped waiting. Nothing was saved. "
            "Please go back and send it again."
        ),
    ),
    413: (
        _l("That was more than we can take"),
        _l("Nothing was saved. Please shorten what you wrote and send it again."),
    ),
    429: (
        _l("That was a lot at once"),
        _l(
            "Many requests came from your network in a short time. Nothing was saved. "
            "Please wait a minute and try again."
        ),
    ),
    500: (
        _l("Something went wrong here"),
        _l("It is our mistake, and it is noted. Please try again in a moment."),
    ),
    503: (
        _l("We are not ready for a moment"),
        _l("Please try again in a minute."),
    ),
}
DEFAULT_ERROR_TEXT = (_l("That did not work"), _l("Please go back and try again."))
# The same whether it is not there or somebody else's: nobody learns which.
ORGANIZER_NOT_FOUND_TEXT = (
    _l("There is nothing at this address"),
    _l(
        "The link may be mistyped, what it led to may be gone, or it belongs to a team "
        "that you are not in."
    ),
)


# --- the handlers -------------------------------------------------------------------

LAYOUTS = "rsvp_error_layouts"


def init_app(app: Flask) -> None:
    app.register_error_handler(Refusal, handle_refusal)
    app.register_error_handler(HTTPException, handle_http_error)


def handle_refusal(refusal: Refusal) -> Response:
    """Answer a refusal: nothing has changed, and the page says which rule it was."""
    db.session.rollback()
    texts = (
        REFUSAL_TEXTS | ORGANIZER_REFUSAL_TEXTS
        if is_organizer_page()
        else REFUSAL_TEXTS
    )
    title, text = texts.get(refusal.code, DEFAULT_REFUSAL_TEXT)
    return error_response(
        Response(), "errors/refusal.html", refusal.status, refusal.code, title, text
    )


def handle_http_error(error: HTTPException) -> Response:
    """Answer an HTTP error, a mistake of ours (500) among them."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    title, text = HTTP_ERROR_TEXTS.get(status, DEFAULT_ERROR_TEXT)
    if status == 404 and is_organizer_page():
        title, text = ORGANIZER_NOT_FOUND_TEXT
    # Keeps what belongs to the error: Allow, Retry-After.
    response = Response(headers=error.get_headers())
    return error_response(
        response, "errors/error.html", status, f"http_{status}", title, text
    )


def error_response(
    response: Response,
    template: str,
    status: int,
    code: str,
    title: Any,
    text: Any,
    **context: Any,
) -> Response:
    response.status_code = status
    if wants_json():
        # The members are those of RFC 9457, and the code for machines.
        problem = {"title": str(title), "detail": str(text), "status": status}
        response.data = jsonify(problem | {"code": code}).data
        response.content_type = "application/problem+json"
        return response
    response.content_type = "text/html; charset=utf-8"
    response.data = render_template(
        template,
        status=status,
        code=code,
        title=title,
        text=text,
        back=form_page_url(status),
        at_desk=is_organizer_page(),
        **layout_context(status),
        **context,
        # Whoever follows a dead link of their own can have it mailed again.
        lost=status in (404, 410) and request.path.startswith(("/r/", "/t/")),
    )
    return response


def wants_json() -> bool:
    if request.is_json:
        return True  # whoever speaks it reads it
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def is_organizer_page() -> bool:
    return request.path.startswith("/organize/")


def use_layout(
    app: Flask, path_prefix: str, context: Callable[[], dict[str, Any]]
) -> None:
    """Give error pages below a path their audience's layout, for whoever is signed in.

    `context` returns what that layout's template needs.
    """
    app.extensions.setdefault(LAYOUTS, {})[path_prefix] = context


def layout_context(status: int) -> dict[str, Any]:
    """What the audience's layout needs, where somebody is signed in on its pages."""
    # Where we failed it may be the database that did: it is asked nothing more.
    if status >= 500:
        return {}
    contexts = current_app.extensions.get(LAYOUTS, {})
    below = (c for prefix, c in contexts.items() if request.path.startswith(prefix))
    context = next(below, None)
    if context is None:
        return {}
    try:
        return context() if is_user_authenticated(current_user) else {}
    except Exception as error:
        if outages.find(error) is None:
            raise
        db.session.rollback()
        return {}


def form_page_url(status: int) -> str | None:
    """Return the page a form was sent from: the event's, the ticket's, the door's or an
    organizer's."""
    endpoint = request.endpoint
    if request.method != "POST" or endpoint is None or status == 404:
        return None
    page = form_actions.page_of(current_app, endpoint)
    return form_actions.page_url(page, request.view_args or {}) if page else None
