"""The WSGI application under its short name, in the project's folder: `wsgi:app`."""

from rsvp.wsgi import app

__all__ = ["app"]
