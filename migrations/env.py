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
        hold_foreign_keys(connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=render_item,
            compare_type=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                from rsvp.postgresql import wait_patiently

                wait_patiently(connection)
            context.run_migrations()
            check_foreign_keys(connection)


def hold_foreign_keys(connection):
    """SQLite changes a table by making it anew: dropping the old one must not take what
    refers to it along. The pragma does nothing inside a transaction, so it goes to the
    driver before one begins; a connection of the pool sets it again when it is made."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        connection.detach()


def check_foreign_keys(connection):
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"rows refer to what is not there: {broken[:5]}")


run()
