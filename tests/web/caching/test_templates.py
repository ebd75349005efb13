"""Templates: an update on the disk changes nothing in a process that runs."""

from __future__ import annotations

import shutil

import pytest
from flask import Flask
from jinja2 import TemplateNotFound

from rsvp.config import FILES_FOLDER
from rsvp.web.caching.templates import CachedTemplateLoader, init_app


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FILES_FOLDER / "templates", tmp_path / "templates")


def an_app(folder, **config) -> Flask:
    app = Flask("rsvp", template_folder=str(folder))
    app.config.update(config)
    init_app(app)
    return app


def read(app: Flask, name: str) -> str:
    loader = app.jinja_env.loader
    assert loader is not None
    return loader.get_source(app.jinja_env, name)[0]


def update(folder) -> None:
    """One is new, one is changed, the others are gone."""
    for path in sorted(folder.rglob("*.html")):
        path.unlink()
    (folder / "base.html").write_text("{{ of_the_next_release.title }}")
    (folder / "later.html").write_text("later")


def test_a_process_goes_on_with_the_templates_that_it_began_with(folder):
    app = an_app(folder)
    before = read(app, "base.html")

    update(folder)

    assert read(app, "base.html") == before
    # Nobody had seen this page yet.
    page = (FILES_FOLDER / "templates/public/event.html").read_text(encoding="utf-8")
    assert read(app, "public/event.html") == page
    with pytest.raises(TemplateNotFound):
        read(app, "later.html")


def test_while_debugging_a_changed_template_is_seen_at_once(folder):
    app = an_app(folder, DEBUG=True)
    before = read(app, "base.html")

    update(folder)

    assert read(app, "base.html") != before
    assert read(app, "later.html") == "later"


def test_the_whole_folder_is_known_by_name(folder):
    names = CachedTemplateLoader(folder).list_templates()

    assert {"base.html", "public/event.html"} <= set(names)


def test_the_application_holds_its_templates(sqlite_app):
    assert isinstance(sqlite_app.jinja_loader, CachedTemplateLoader)
