"""URLs: addresses in full, as others may link them."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for

from rsvp.models import Event
from rsvp.models.event import Status


def public_event_url(event: Event) -> str | None:
    """The event's page as everybody has it; None while it is a draft."""
    if event.status == Status.DRAFT:
        return None
    return f"{site_url()}{url_for('public.show_event', slug=event.slug)}"


def site_url() -> str:
    url: str = current_app.config["PUBLIC_URL"]
    return url


def public_url_for(endpoint: str, **values: Any) -> str:
    """A page's address in full, as others may link it."""
    return f"{current_app.config['PUBLIC_URL']}{url_for(endpoint, **values)}"
