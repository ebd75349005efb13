"""What the product says of itself: addresses, commands, settings, tables."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from tests.record.files import write
from tests.record.product import ROOT, SETTINGS, Base
from tests.record.site import new_site


def record(folder: Path) -> None:
    with new_site(folder) as site:
        write(folder, "addresses", addresses(site.app))
        write(folder, "settings", settings())
        write(folder, "configuration", configuration(site.app, site.instance))
        tables = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
        made = "\n".join(in_order(row[0]) for row in site.rows(tables))
        write(folder, "schema-sqlite", made)
        rows = [line for line in site.dump() if line.startswith("INSERT")]
        write(folder, "first-rows", "\n".join(rows))
    write(folder, "schema-postgresql", postgresql_schema())
    write(folder, "settings-documented", (ROOT / "docs" / "settings.md").read_text())
    for words in commands():
        write(folder, "help/" + " ".join(["rsvp", *words]), help_of(words))


def addresses(app) -> str:
    """Each rule with its methods; not the names of endpoints, which nobody sees."""
    rules = {
        f"{rule.rule} {' '.join(sorted(rule.methods or ()))}"
        f"{'' if rule.strict_slashes else ' (with or without a slash)'}"
        for rule in app.url_map.iter_rules()
    }
    return "\n".join(sorted(rules))


def settings() -> str:
    return "\n".join(
        f"RSVP_{one.name} {one.kind.__name__} {one.default!r} {one.least}-{one.most}"
        for one in SETTINGS.values()
    )


def configuration(app, instance: Path) -> str:
    """All that is configured once the application is made, its extensions' too."""
    lines = []
    for name, value in sorted(app.config.items()):
        if name.endswith(("_TEMPLATE", "_VIEW")):
            continue  # names of our own files and functions
        text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
        is_code = callable(value) or "<" in text
        told = type(value).__name__ if is_code else text
        lines.append(f"{name} = {told.replace(str(instance), '(instance)')}")
    return "\n".join(lines)


def postgresql_schema() -> str:
    dialect = postgresql.dialect()
    texts = []
    for table in sorted(Base.metadata.sorted_tables, key=lambda table: table.name):
        texts.append(in_order(str(CreateTable(table).compile(dialect=dialect))))
        indexes = [str(CreateIndex(i).compile(dialect=dialect)) for i in table.indexes]
        texts += sorted(indexes)
    return "\n".join(texts)


def in_order(made: str) -> str:
    """The statement that makes a table; its constraints come in any order."""
    columns, constraints = [], []
    for line in made.strip().splitlines():
        line = line.strip().rstrip(",")
        (constraints if line.startswith("CONSTRAINT") else columns).append(line)
    return "\n".join([*columns, *sorted(constraints)])


# --- commands -----------------------------------------------------------------------


def commands(within: Sequence[str] = ()) -> list[list[str]]:
    """The words of each command and group, found by what the help lists."""
    found = [list(within)]
    _, _, listed = help_of(within).partition("\nCommands:\n")
    for name in re.findall(r"^  (\S+)", listed, re.MULTILINE):
        found += commands([*within, name])
    return found


def help_of(words: Sequence[str]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        entry()([*words, "--help"])
    return said.getvalue()


def entry() -> Callable[[Sequence[str]], None]:
    """What the `rsvp` command runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["rsvp"].partition(":")
    return getattr(importlib.import_module(module), name)
