"""The WSGI application, for gunicorn and other servers: `rsvp.wsgi:app`."""

import sys

from rsvp import create_app, startup
from rsvp.config import UnsafeStart

try:
    app = create_app()
    with app.app_context():
        startup.verify()
except UnsafeStart as refusal:
    print(f"rsvp: {refusal}", file=sys.stderr)
    raise SystemExit(1) from None
