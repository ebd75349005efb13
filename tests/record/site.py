"""A site of its own in a temporary folder, and branches of it that leave no trace."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.record import clock
from tests.record.product import create_app, db, startup, utcnow

PUBLIC_URL = "https://rsvp.example.org"
SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "a recorder's secret key, long enough to be one",
    "CODE_KEY": "73b97e1beeb053932b5ea5abac651a58dab519380e497c6494e4734057a02358",
    "PUBLIC_URL": PUBLIC_URL,
    "MAIL_CONNECTIONS": 1,
    # Much is sent in one instant; the pages of limits have a site of their own.
    "FORM_LIMIT": "100000 per minute",
}


class Site:
    """An application, its folder, and the folder that its record goes to."""

    def __init__(self, app: Flask, instance: Path, folder: Path) -> None:
        self.app = app
        self.instance = instance
        self.folder = folder

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says, read past the product."""
        with closing(sqlite3.connect(self.instance / "rsvp.db")) as connection:
            return connection.execute(statement, values).fetchall()

    def change(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.instance / "rsvp.db")) as connection:
            connection.execute(statement, values)
            connection.commit()

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self.instance / "rsvp.db")) as connection:
            return list(connection.iterdump())

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def branch(self, act: Callable[[], None]) -> None:
        """Do it in a process of its own, and put all files back afterwards."""
        self.close()
        kept = self.instance.with_name(f"kept-{os.getpid()}")
        shutil.copytree(self.instance, kept)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                act()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        shutil.rmtree(self.instance)
        kept.rename(self.instance)
        if status:
            raise RuntimeError("a branch of the record failed")


@contextmanager
def new_site(folder: Path, **settings: Any) -> Iterator[Site]:
    """A site as `rsvp init` leaves it."""
    clock.take_over(utcnow)
    clock.set_time(clock.START)
    clock.begin("new site")
    with TemporaryDirectory(prefix="rsvp-record-") as temporary:
        instance = Path(temporary, "instance")
        app = create_app(SETTINGS | {"INSTANCE_PATH": str(instance)} | settings)
        with app.app_context():
            startup.initialise()
        site = Site(app, instance, folder)
        try:
            yield site
        finally:
            site.close()
