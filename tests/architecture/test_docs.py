"""The developers' pages name only what is there: files, folders, modules, functions.

`docs/architecture.md`, CONTRIBUTING.md and `docs/decisions/` are read for what stands
in backticks or indented blocks: paths (`web/door/api.py`, by their end), names behind
a module or class (`capacity.claim_seats`, `Event.discreet`), and single names with an
underscore or two capitals (`verdict_of`, `EventDefinition`).
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import (
    MODULES,
    PACKAGES,
    defined_by,
    defined_in,
    tree_of,
)
from tests.paths import DOCS, ROOT
from tests.support.for_each import for_each

PAGES = [
    DOCS / "architecture.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((DOCS / "decisions").glob("*.md")),
]
FOLDERS = ["rsvp", "templates", "static", "migrations", "tests", "bench", "docs"]
FOLDERS += ["tools", "stubs", ".ci"]

# What has a slash, a dot or an underscore, and is not ours.
OTHERS = {"pg_dump", "TCP_USER_TIMEOUT", "EmailMessage", "JavaScript", "example.org"}
OTHERS |= {"schema.org", "click.command", "current_app.config"}

PATH = re.compile(r"[\w.*-]*(/[\w.*-]+)+/?|[\w.*-]+/")
FILE = re.compile(r"[\w.*-]+\.(py|js|mjs|html|txt|css|md|json|toml|yaml|lock|cfg)")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
SINGLE = re.compile(r"_*[A-Za-z]+(_\w+)+|[A-Z][a-z]\w*[A-Z]\w*")


# --- what the pages name ------------------------------------------------------------


def words_in_code(text: str) -> Iterator[str]:
    """The words in backticks and in indented blocks, `<placeholders>` as `*`."""
    blocks = re.findall(r"^ {4,}.*$", text, re.M)
    prose = re.sub(r"^ {4,}.*$", "", text, flags=re.M)
    for code in [*blocks, *re.findall(r"`([^`]+)`", prose)]:
        # Labels of keys, `"rsvp/code/v1"`, are no paths.
        code = re.sub(r'"[^"]*"', " ", code)
        code = re.sub(r"<[\w -]+>", "*", code)
        for word in re.split(r"[\s,;()=]+", code):
            yield word.lstrip("@'").rstrip(".:'…")


def missing_on(text: str) -> list[str]:
    return [word for word in words_in_code(text) if is_missing(word)]


def is_missing(word: str) -> bool:
    if word in OTHERS or word.startswith(("/", ".venv", "RSVP_", "-")):
        return False  # an address of the site, a setting, an option
    if PATH.fullmatch(word) or FILE.fullmatch(word):
        return not is_path(word)
    if DOTTED.fullmatch(word):
        return not is_dotted_name(word)
    if SINGLE.fullmatch(word):
        return word not in names_anywhere()
    return False


# --- paths --------------------------------------------------------------------------


@functools.cache
def all_paths() -> list[str]:
    inside = [path for name in FOLDERS for path in (ROOT / name).rglob("*")]
    paths = [*ROOT.glob("*.*"), ROOT / "Makefile", *(ROOT / f for f in FOLDERS)]
    return [
        path.relative_to(ROOT).as_posix()
        for path in [*paths, *inside]
        if "__pycache__" not in path.parts
    ]


def is_path(word: str) -> bool:
    """Whether some file or folder is called so, by the end of its path."""
    name = "[^/]*".join(map(re.escape, word.strip("/").split("*")))
    found = [path for path in all_paths() if re.fullmatch(f"(.*/)?{name}", path)]
    if word.endswith("/"):
        return any((ROOT / path).is_dir() for path in found)
    return bool(found)


# --- names --------------------------------------------------------------------------


@functools.cache
def members() -> dict[str, set[str]]:
    """What is behind each dot: the names of each module, class and table."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        package, _, last = module.rpartition(".")
        found[module] |= defined_in(module)
        found[package].add(last)
        if module.startswith("rsvp.web."):
            # An endpoint names its view behind the blueprint, which is the package's.
            found[package] |= defined_in(module)
        for node in tree_of(module).body:
            if isinstance(node, ast.ClassDef):
                columns = {*defined_by(node.body), *set_on_self(node)}
                found[node.name] |= columns
                found[table_name(node) or node.name] |= columns
    return found


def set_on_self(scope: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def table_name(scope: ast.ClassDef) -> str | None:
    for node in scope.body:
        match node:
            case ast.Assign([ast.Name("__tablename__")], ast.Constant(str(name))):
                return name
    return None


def is_dotted_name(word: str) -> bool:
    """Whether a module is meant, by the end of its name, or what is in one."""
    owner, _, last = word.rpartition(".")
    places = members()
    return any(
        (known == word or known.endswith(f".{word}"))
        or ((known == owner or known.endswith(f".{owner}")) and last in names)
        for known, names in places.items()
    )


@functools.cache
def names_anywhere() -> set[str]:
    """All that Python code names, its words for machines among them (keys, states), and
    what scripts name."""
    found = set(dir(builtins))
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                    found.add(name)
                case ast.Constant(value=str(text)) if text.isidentifier():
                    found.add(text)
    for path in (ROOT / "static" / "js").rglob("*.js"):
        found |= set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", path.read_text())))
    return found


# --- the rules ----------------------------------------------------------------------


@for_each("page", PAGES, ids=lambda page: page.name)
def test_a_page_for_developers_names_only_what_is_there(page: Path) -> None:
    assert missing_on(page.read_text()) == []


@for_each("page", PAGES, ids=lambda page: page.name)
def test_a_page_for_developers_links_to_pages_that_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text())

    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_the_tree_has_every_package() -> None:
    names = {name.replace(".", "/") + "/" for name in PACKAGES - {"rsvp"}}
    text = (DOCS / "architecture.md").read_text()
    # Of these the line of the package around them tells enough.
    small = {"rsvp/formats/mail/texts/"}
    small |= {name for name in names if name.startswith("rsvp/web/organizer/")}

    told = set(re.findall(r"^ {4,}(rsvp/\S*/) ", text, re.M))

    assert names - small <= told


@for_each(
    ("text", "missing"),
    [
        ("`web/door/api.py` and `rsvp/web/door/`", []),
        ("`web/door/apis.py`", ["web/door/apis.py"]),
        ("    rsvp/web/doors/     phones", ["rsvp/web/doors/"]),
        ("`capacity.claim_seats`, `db.write(change)`", []),
        ("`capacity.claim_chairs`", ["capacity.claim_chairs"]),
        ("`Event.discreet`, `messages.occasion`, `State.HELD`", []),
        ("`Event.discrete`", ["Event.discrete"]),
        ("`attendee.show_registration`", []),
        ("`verdict_of` of `EventDefinition`", []),
        ("`verdict_for_code`, `EventFile`", ["verdict_for_code", "EventFile"]),
        ('    HMAC("rsvp/code/v1")', []),
        ("`tests/web/test_<subject>.py`", []),
        ("`tests/web/no_<subject>.py`", ["tests/web/no_*.py"]),
        ("`/door/api/scans`, `GET`, `text`", []),
    ],
)
def test_what_is_gone_is_found(text: str, missing: list[str]) -> None:
    assert missing_on(text) == missing
