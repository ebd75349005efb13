"""Styles: a page loads the sheets that have its classes, and no style is idle."""

from __future__ import annotations

import functools
import re
from collections import defaultdict

from jinja2 import nodes

from tests.architecture.test_templates import ENVIRONMENT, NAMES, source_of
from tests.paths import ROOT
from tests.support.for_each import for_each

STYLES = ROOT / "static" / "css"
SCRIPTS = ROOT / "static" / "js"

SHARED = ("", "components", "public", "attendee")
"""Folders whose styles are in `site.css`, which every page loads."""
OF_AUDIENCES = {"organizer": ("organizer",), "door": ("door",)}
"""What else some pages load, by the name of the sheet."""

BARE = {"door"}
"""What no sheet speaks of: the scanner's `main`, which is no `page`."""


# --- what there is ------------------------------------------------------------------


@functools.cache
def classes_in_styles(*folders: str) -> frozenset[str]:
    found: set[str] = set()
    for folder in folders:
        for file in (STYLES / folder).glob("*.css"):
            text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)
            for selector in re.findall(r"([^{};]+)\{", text):
                if not selector.strip().startswith("@"):
                    found |= set(re.findall(r"\.([a-z][\w-]*)", selector))
    return frozenset(found)


@functools.cache
def classes_in_template(name: str) -> frozenset[str]:
    """Those that it writes out, and those between quotes where a class depends."""
    source = re.sub(r"\{#.*?#\}", "", source_of(name), flags=re.DOTALL)
    written = re.findall(r'\bclass="([^"]*)"', source)
    written += re.findall(r"\{% block main_class %\}(.*?)\{% endblock", source)
    found: set[str] = set()
    for value in written:
        found |= set(re.sub(r"\{[{%].*?[%}]\}", " ", value).split())
        for choice in re.findall(r"\{[{%](.*?)[%}]\}", value):
            # What is compared with is no class.
            for word in re.findall(r"(?<!== )'([^']*)'", choice):
                found |= set(word.split())
    return frozenset(found)


def words_in_scripts(folder: str) -> set[str]:
    """Every word in a script's texts: some are classes of what it makes."""
    found: set[str] = set()
    for file in [*(SCRIPTS / folder).glob("*.js"), *(SCRIPTS / "lib").glob("*.js")]:
        for text in re.findall(r'"([\w -]+)"', file.read_text()):
            found |= set(text.split())
    return found


@functools.cache
def parts_of(name: str) -> frozenset[str]:
    """A template with all that it extends, includes and imports."""
    found = {name}
    tree = ENVIRONMENT.parse(source_of(name))
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.FromImport)):
        for part in names_in(node.template):
            found |= parts_of(part)
    return frozenset(found)


def names_in(expression: nodes.Expr) -> list[str]:
    """The templates that are named: one, or two where a condition chooses."""
    if isinstance(expression, nodes.CondExpr):
        assert expression.expr2 is not None
        return [*names_in(expression.expr1), *names_in(expression.expr2)]
    assert isinstance(expression, nodes.Const)
    return [expression.value]


def is_page(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    is_part = folder in {"mail", "layouts"} or file.startswith("_")
    return "{% extends" in source_of(name) and not is_part


PAGES = [name for name in NAMES if is_page(name)]


def sheets_of(page: str) -> set[str]:
    """The sheets that its layout links, beside the site's."""
    linked = {
        sheet
        for part in parts_of(page)
        for sheet in re.findall(r"asset\('css/(\w+)\.css'\)", source_of(part))
    }
    assert "site" in linked, page
    # Whoever meets an error is an organizer or not: it must do without their sheet.
    return linked - {"site"} if not page.startswith("errors/") else set()


def classes_of(page: str) -> set[str]:
    parts = set(parts_of(page))
    if page.startswith("errors/"):
        parts.discard("layouts/organizer.html")
    return {name for part in parts for name in classes_in_template(part)}


# --- what holds ---------------------------------------------------------------------


def test_there_are_pages_of_each_audience() -> None:
    assert {"public/event.html", "errors/error.html"} <= set(PAGES)
    assert sheets_of("attendee/registration.html") == set()
    assert sheets_of("organizer/registrations/list.html") == {"organizer"}
    assert sheets_of("account/sign_in.html") == {"organizer"}
    assert sheets_of("door/scanner.html") == {"door"}


@for_each("page", PAGES)
def test_a_page_loads_the_styles_of_its_classes(page: str) -> None:
    folders = [folder for sheet in sheets_of(page) for folder in OF_AUDIENCES[sheet]]
    loaded = classes_in_styles(*SHARED, *folders)

    assert classes_of(page) - loaded - BARE == set()


def test_the_head_of_organizers_pages_has_its_styles() -> None:
    """Errors have it, too, for whoever is signed in."""
    used = classes_in_template("layouts/organizer.html")
    loaded = classes_in_styles(*SHARED, *OF_AUDIENCES["organizer"])

    assert used - loaded == set()


@functools.cache
def used_where() -> dict[str, set[str]]:
    """Each class, with the sheets of the pages that use it, or `site` alone."""
    used: dict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        for name in classes_of(page):
            used[name] |= sheets_of(page) or {"site"}
    for folder, sheet in [("public", "site"), ("attendee", "site"), ("door", "door")]:
        for name in words_in_scripts(folder):
            used[name].add(sheet)
    return used


def test_no_style_is_for_a_class_that_no_page_has() -> None:
    styled = classes_in_styles(*SHARED, *OF_AUDIENCES["organizer"], "door")

    assert styled - used_where().keys() == set()


def test_attendees_download_no_styles_that_only_others_need() -> None:
    """Where a column stands and how wide it is are for everybody (`layout.css`)."""
    used = used_where()
    theirs = classes_in_styles("components", "public", "attendee")

    assert {name for name in theirs if "site" not in used[name]} == set()


@for_each("sheet", OF_AUDIENCES)
def test_an_audience_has_no_styles_of_another(sheet: str) -> None:
    used = used_where()
    own = classes_in_styles(*OF_AUDIENCES[sheet])

    assert {name for name in own if sheet not in used[name]} == set()
