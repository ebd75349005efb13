"""How alembic reaches the application's database: one transaction, allowed to write."""

from alembic import context
from flask import current_app
from sqlalchemy import JSON, BigInteger

from rsvp.config import UnsafeStart
from rsvp.database import migrate
from rsvp.db import Base, UtcDateTime, acquire_write_lock

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
    with (
        acquire_write_lock(database.engine, migrate.LOCK_TIMEOUT),
        database.engine.connect() as connection,
    ):
        connection = connection.execution_options(rsvp_writing=True)
        set_up(connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=render_item,
            compare_type=True,
            transaction_per_migration=False,
            # SQLite takes back what changed tables, too: begin_sqlite sees to it, where
            # the driver itself would have committed before each.
            transactional_ddl=True,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                from rsvp.database.postgresql import disable_timeouts

                disable_timeouts(connection)
            there = context.get_context().get_current_heads()
            if set(there) != set(context.get_head_revisions()):
                migrate.lock_tables(connection)
            context.run_migrations()
            check_foreign_keys(connection)


def set_up(connection):
    """SQLite changes a table by making it anew: dropping the old one must not take what
    refers to it along. The pragma does nothing inside a transaction, so it goes to the
    driver before one begins; a connection of the pool sets it again when it is made.
    This one waits longer than others do, for programs that know no queue of ours."""
    if connection.dialect.name == "sqlite":
        sqlite = connection.connection.driver_connection
        sqlite.execute("PRAGMA foreign_keys=OFF")
        sqlite.execute(f"PRAGMA busy_timeout={int(migrate.LOCK_TIMEOUT * 1000)}")
        connection.detach()


def check_foreign_keys(connection):
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise UnsafeStart(
            f"rows refer to what is not there ({broken[:5]}); nothing was changed"
        )


run()
