"""Cached templates: a process keeps those of its own release, whatever changes on
disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from flask import Flask
from jinja2 import BaseLoader, Environment, TemplateNotFound


class CachedTemplateLoader(BaseLoader):
    """All of a folder, read when the first of them is needed (some 200 kB): before an
    update can have put others there, and not by commands that show none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def texts(self) -> dict[str, str]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def get_source(
        self, _environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        if template not in self.texts:
            raise TemplateNotFound(template)
        return self.texts[template], str(self.folder / template), lambda: True

    def list_templates(self) -> list[str]:
        return sorted(self.texts)


def init_app(app: Flask) -> None:
    """Cache templates but while debugging, when Flask looks at the files each time."""
    if not app.debug and app.template_folder is not None:
        folder = Path(app.root_path) / app.template_folder
        app.jinja_loader = CachedTemplateLoader(folder)
