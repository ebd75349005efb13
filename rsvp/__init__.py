"""RSVP: registration for free events with limited places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from rsvp import config, db, erasure_log, extensions
from rsvp.database import lock


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The application, configured from RSVP_* and `overrides` (tests).

    Raises config.UnsafeStart. The database is not touched: `rsvp.startup.verify` is
    what a server, worker or command calls before it begins.
    """
    app = Flask(
        "rsvp",
        root_path=str(config.PACKAGE),
        template_folder=str(config.FILES_FOLDER / "templates"),
        static_folder=str(config.FILES_FOLDER / "static"),
        # Until the settings say which it is.
        instance_path=str(config.ROOT / "instance"),
    )
    config.configure(app, overrides)
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies
        )
    with config.unsafe_on_extension_errors(app):
        set_up(app)
    return app


def set_up(app: Flask) -> None:
    """Give the configured application its extensions, pages and commands."""
    # The models register their tables.
    from rsvp import broker, cli, i18n, models, web  # noqa: F401
    from rsvp import security as account_security

    extensions.db.init_app(app)
    with app.app_context():
        db.prepare_engine(extensions.db.engine)
        lock.lock_while_connected(extensions.db.engine)
    erasure_log.init_app(app)
    broker.init_app(app)
    extensions.migrate.init_app(
        app, extensions.db, directory=str(config.FILES_FOLDER / "migrations")
    )
    extensions.mail.init_app(app)
    extensions.csrf.init_app(app)
    extensions.limiter.init_app(app)
    i18n.init_app(app)
    account_security.init_app(app)
    web.init_app(app)
    cli.init_app(app)
