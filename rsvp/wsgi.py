"""WSGI application for gunicorn and other servers: `rsvp.wsgi:app`."""

import atexit
import sys

from rsvp import create_app, startup
from rsvp.config import UnsafeStart

try:
    app = create_app()
    with app.app_context():
        startup.verify(writes=True)
        # A server that forks must not share connections among its processes.
        startup.close_database()
except UnsafeStart as refusal:
    print(f"rsvp: {refusal}", file=sys.stderr)
    raise SystemExit(1) from None


@atexit.register
def close() -> None:
    """The last process to end leaves one whole file."""
    with app.app_context():
        startup.close_database()
