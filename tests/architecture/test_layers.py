"""The layers: imports go one way, and each module stays a size one can read."""

import ast
from pathlib import Path

import pytest

from tests.paths import ROOT


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
        ".__init__"
    )


MODULES = {name_of(path): path for path in sorted((ROOT / "rsvp").rglob("*.py"))}

# Plain values and words that any layer may use.
GROUND = (
    *("rsvp.clocks", "rsvp.errors", "rsvp.text.search", "rsvp.text.keyboard_layouts"),
    *("rsvp.text.mail_addresses", "rsvp.text.mailboxes", "rsvp.text.person_names"),
    *("rsvp.text.placeholders", "rsvp.text.cleaning", "rsvp.text.durations"),
    *("rsvp.tokens", "rsvp.walltime"),
)
TABLES = (*GROUND, "rsvp.db", "rsvp.models", "rsvp.event_definition")

# Of our own modules, a layer imports only these (and its own). The others, which set
# the application up (config, extensions, startup, accounts …), are free.
MAY_IMPORT = {
    "rsvp.clocks": (),
    "rsvp.errors": (),
    "rsvp.text.search": (),
    "rsvp.text.keyboard_layouts": (),
    "rsvp.text.mail_addresses": ("rsvp.text.cleaning",),
    "rsvp.text.mailboxes": (),
    "rsvp.text.person_names": ("rsvp.text.cleaning",),
    "rsvp.text.placeholders": (),
    "rsvp.text.cleaning": (),
    "rsvp.text.durations": (),
    "rsvp.tokens": ("rsvp.clocks", "rsvp.text.keyboard_layouts"),
    "rsvp.walltime": (),
    "rsvp.database.writer_queue": ("rsvp.errors",),
    "rsvp.database.postgresql": (),
    "rsvp.db": (
        "rsvp.errors",
        "rsvp.database.postgresql",
        "rsvp.database.writer_queue",
    ),
    "rsvp.models": ("rsvp.clocks", "rsvp.db"),
    "rsvp.event_definition": ("rsvp.models", "rsvp.walltime"),
    "rsvp.domain": TABLES,
    "rsvp.queries": (*TABLES, "rsvp.domain"),
    "rsvp.formats": (*GROUND, "rsvp.models", "rsvp.event_definition", "rsvp.i18n"),
}
EXCEPTIONS = {
    # The session is the extension's; `current_session` fetches it when it is called.
    ("rsvp.db", "rsvp.extensions"),
}

# Libraries that would let a layer see what it must not know of.
MUST_NOT_IMPORT = {
    "rsvp.errors": ("flask", "sqlalchemy"),
    "rsvp.tokens": ("flask", "sqlalchemy"),
    "rsvp.db": tuple(f"flask.{name}" for name in ("request", "session", "g")),
    "rsvp.models": ("flask", "flask_sqlalchemy"),
    "rsvp.domain": ("flask", "jinja2", "werkzeug", "wtforms", "flask_sqlalchemy"),
    "rsvp.queries": ("flask", "jinja2", "werkzeug", "wtforms", "flask_sqlalchemy"),
    "rsvp.formats": (
        *(f"flask.{name}" for name in ("request", "session", "g")),
        *("sqlalchemy", "flask_sqlalchemy", "rsvp.db", "rsvp.extensions"),
    ),
    "rsvp.jobs": ("rsvp.web", "rsvp.cli", "flask.request", "flask.session"),
    "rsvp.cli": ("rsvp.web",),
    "rsvp.web": ("rsvp.cli", "rsvp.jobs", "rsvp.demo.load"),
}

# Inside `domain`: what concerns one table, then the waitlist, then registrations, then
# the rest; a module imports only from before itself, or of its own package.
DOMAIN = {"audit": 0, "accounts.users": 1, "messages.mail_limits": 1, "quiet_hours": 1}
DOMAIN |= {"capacity": 2, "questions": 2, "teams": 2, "messages.relevance": 2}
DOMAIN |= {"messages.outbox": 2, "deadlines": 2, "transitions": 2, "invitations": 2}
DOMAIN |= {"waitlist": 3, "registrations": 4}
REST = 5

LONGEST = 500


def imports_of(path: Path) -> set[str]:
    """What a file imports, at its top or inside functions, as `module.name`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == p or module.startswith(p + ".") for p in packages)


def layers_of(module: str, rules: dict[str, tuple[str, ...]]) -> list[str]:
    return [layer for layer in rules if within(module, (layer,))]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    imported = imports_of(MODULES[module])

    for layer in layers_of(module, MAY_IMPORT):
        ours = {name for name in imported if within(name, ("rsvp",))}
        exceptions = tuple(to for who, to in EXCEPTIONS if who == module)
        allowed = (layer, *MAY_IMPORT[layer], *exceptions)
        assert {name for name in ours if not within(name, allowed)} == set()
    for layer in layers_of(module, MUST_NOT_IMPORT):
        assert {n for n in imported if within(n, MUST_NOT_IMPORT[layer])} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, ("rsvp.domain",))])
def test_the_domain_builds_upwards(module):
    subject = ".".join(module.split(".")[:3])
    mine = floor_of(module)
    for name in imports_of(MODULES[module]):
        if name.startswith("rsvp.domain.") and not within(name, (subject,)):
            theirs = floor_of(name)
            assert theirs < mine or (theirs == mine == REST), name


def floor_of(module: str) -> int:
    """Of a module of the domain, or of a name in one."""
    floors = [
        floor
        for subject, floor in DOMAIN.items()
        if within(module, (f"rsvp.domain.{subject}",))
    ]
    return floors[0] if floors else REST


AUDIENCES = ("public", "attendee", "organizer", "door", "account")


@pytest.mark.parametrize("audience", AUDIENCES)
def test_an_audience_imports_no_other_audience(audience):
    package = f"rsvp.web.{audience}"
    others = tuple(f"rsvp.web.{name}" for name in AUDIENCES if name != audience)
    modules = [module for module in MODULES if within(module, (package,))]
    assert modules
    for module in modules:
        assert {n for n in imports_of(MODULES[module]) if within(n, others)} == set()


def test_what_audiences_share_knows_none_of_them():
    audiences = tuple(f"rsvp.web.{name}" for name in AUDIENCES)
    for module in MODULES:
        if within(module, ("rsvp.web",)) and not within(module, audiences):
            if module == "rsvp.web":
                continue  # it puts them together
            imported = imports_of(MODULES[module])
            assert {n for n in imported if within(n, audiences)} == set(), module


def test_domain_functions_never_commit():
    """Whoever was called from outside opens the one `writing()` block."""
    for module, path in MODULES.items():
        if not within(module, ("rsvp.domain", "rsvp.queries", "rsvp.formats")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not is_commit(node), f"{path}:{node.lineno}"


def is_commit(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        return called.attr in ("commit", "writing") and "savepoint" not in ast.unparse(
            called
        )
    return isinstance(called, ast.Name) and called.id in ("writing", "write")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_and_stays_short(module):
    text = MODULES[module].read_text()

    assert len(text.splitlines()) <= LONGEST, "look for the second subject"
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "the first line names the subject"
