"""A site with an evening, its backup, and what came after it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from rsvp.backup import encryption
from rsvp.extensions import db
from rsvp.models import Event, Registration
from tests.backup.conftest import Site
from tests.support.factories import NOON, make_user, register

LATER = NOON + timedelta(days=1)
SECRET, PUBLIC = encryption.generate_identity()
RECIPIENT = encryption.parse_recipient(PUBLIC)


def files_in(site: Site) -> list[str]:
    """What is in the folder but the keys and the locks."""
    known = ("code_key", "secret_key", "erasures")
    return sorted(
        file.name
        for file in site.folder.iterdir()
        if file.name not in known and not file.name.endswith((".lock", ".in-use"))
    )


def add_cleo(site: Site) -> None:
    with site.used():
        register(db.session.get_one(Event, site.event_id), email="cleo@example.org")
        make_user("cleo@example.org")


def registered_emails() -> list[str]:
    rows = db.session.scalars(select(Registration.email).order_by(Registration.id))
    return list(rows)


def drop_tables(site: Site) -> None:
    """On PostgreSQL: a database that somebody lost, and made anew."""
    with site.context(), db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.rollback()
        driver.execute("DROP SCHEMA public CASCADE")
        driver.execute("CREATE SCHEMA public")
        driver.commit()
