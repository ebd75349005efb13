"""How alembic reaches the application's database: one transaction, allowed to write."""

from alembic import context
from flask import current_app
from sqlalchemy import JSON, BigInteger

from rsvp.db import Base, UtcDateTime

database = current_app.extensions["migrate"].db


def render_item(kind, item, _context):
    """Write our own types as the plain ones they are stored as."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, BigInteger):
        return "big_id"
    if kind == "type" and isinstance(item, JSON):
        return "json"
    return False


def run() -> None:
    with database.engine.connect() as connection:
        connection = connection.execution_options(rsvp_writing=True)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=render_item,
            compare_type=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
