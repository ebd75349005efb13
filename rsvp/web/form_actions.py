"""Form actions: routes that forms are sent to, each of which knows its form's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Flask, current_app, redirect, url_for
from flask.typing import ResponseReturnValue

from rsvp.web import guards

View = TypeVar("View", bound=Callable[..., Any])

PAGE_KEY = "rsvp_form_page"


def action(
    bp: Blueprint, path: str, *, page: str, find: Callable[..., object] | None = None
) -> Callable[[View], View]:
    """Route what a form sends; it stands above the view's guard.

    `page` is the endpoint of the page the form is on, where errors lead back to; what
    it takes is among what `path` has. Whoever opens `path` itself, as after signing in
    again, is redirected to that page if `find` is given: called with what the page
    takes, it answers 404 to those it is not for. Without it `path` has a page of its
    own, or none.
    """

    def decorate(view: View) -> View:
        bp.post(path)(note_page(view, page))
        if find is not None:
            bp.get(path)(redirecting_view(view, page, find))
        return view

    return decorate


def found_by_anyone(**_values: object) -> None:
    """For `find`, where the page shows by itself what it is not for."""


def note_page(view: View, page: str) -> View:
    """Note the page of a form; used directly for views of a library."""
    setattr(view, PAGE_KEY, page)
    return view


def redirecting_view(
    view: Callable[..., Any], page: str, find: Callable[..., object]
) -> Callable[..., Any]:
    """The view for a GET on the address of a form, under the guard the form has."""

    def redirect_to_page(**values: Any) -> ResponseReturnValue:
        find(**page_values(page, values))
        return redirect(page_url(page, values), code=303)

    # Flask calls the route by this name, and the limits of forms are counted by it.
    redirect_to_page.__name__ = f"redirect_{view.__name__}"
    redirect_to_page.__module__ = view.__module__
    return guards.to_look(view)(redirect_to_page)


def page_of(app: Flask, endpoint: str) -> str | None:
    """The endpoint of the page that a form is on, or None where nobody said."""
    return getattr(app.view_functions[endpoint], PAGE_KEY, None)


def page_url(page: str, values: dict[str, Any]) -> str:
    """The address of a form's page, by what was in the address of the form."""
    return url_for(page, **page_values(page, values))


def page_values(page: str, values: dict[str, Any]) -> dict[str, Any]:
    takes = next(current_app.url_map.iter_rules(page)).arguments
    return {name: values[name] for name in takes}
