"""The layers: imports go one way, and each module stays a size one can read."""

import ast
from collections.abc import Iterable

from tests.architecture.source import (
    MODULES,
    PACKAGES,
    imports_of,
    table,
    tree_of,
    within,
)

# Plain values and words that any layer may use.
GROUND = (
    "rsvp.clocks",
    "rsvp.errors",
    "rsvp.tokens",
    "rsvp.walltime",
    "rsvp.text.cleaning",
    "rsvp.text.durations",
    "rsvp.text.keyboard_layouts",
    "rsvp.text.mail_addresses",
    "rsvp.text.mailboxes",
    "rsvp.text.person_names",
    "rsvp.text.placeholders",
    "rsvp.text.search",
    "rsvp.text.web_addresses",
)
TABLES = (*GROUND, "rsvp.db", "rsvp.models", "rsvp.event_definition")

# Of our own modules, a layer imports only these (and its own). A module that several
# lines are about keeps to all of them.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "rsvp.clocks": (),
    "rsvp.errors": (),
    "rsvp.tokens": ("rsvp.clocks", "rsvp.text.keyboard_layouts"),
    "rsvp.walltime": (),
    "rsvp.networks": (),
    "rsvp.site_addresses": (),
    "rsvp.extension_settings": (),
    "rsvp.text": ("rsvp.models",),
    "rsvp.text.cleaning": (),
    "rsvp.text.durations": (),
    "rsvp.text.keyboard_layouts": (),
    "rsvp.text.mail_addresses": ("rsvp.text.cleaning",),
    "rsvp.text.mailboxes": (),
    "rsvp.text.person_names": ("rsvp.text.cleaning",),
    "rsvp.text.placeholders": (),
    "rsvp.text.search": (),
    "rsvp.text.web_addresses": (),
    "rsvp.folding": ("rsvp.text.search",),
    # What the application is set up from.
    "rsvp.rate_limits": (),
    "rsvp.mailer": (*GROUND, "rsvp.site_addresses"),
    "rsvp.config": (
        "rsvp.extension_settings",
        "rsvp.mailer.settings",
        "rsvp.rate_limits",
        "rsvp.site_addresses",
    ),
    "rsvp.extensions": ("rsvp.db", "rsvp.mailer.connection"),
    "rsvp.i18n": ("rsvp.config", "rsvp.extensions"),
    "rsvp.broker": ("rsvp.config", "rsvp.extensions"),
    "rsvp.erasure_log": ("rsvp.extensions",),
    "rsvp.security": (*TABLES, "rsvp.database", "rsvp.domain", "rsvp.extensions"),
    # The database.
    "rsvp.database": ("rsvp.config", "rsvp.db", "rsvp.errors", "rsvp.extensions"),
    "rsvp.database.disk_space": ("rsvp.extensions",),
    "rsvp.database.outages": ("rsvp.db", "rsvp.errors"),
    "rsvp.database.postgresql": (),
    "rsvp.database.writer_queue": ("rsvp.errors",),
    "rsvp.db": (
        "rsvp.errors",
        "rsvp.database.postgresql",
        "rsvp.database.writer_queue",
    ),
    "rsvp.models": ("rsvp.clocks", "rsvp.db"),
    "rsvp.event_definition": ("rsvp.models", "rsvp.walltime"),
    # What may happen, what is shown, and as which bytes.
    "rsvp.domain": TABLES,
    "rsvp.queries": (*TABLES, "rsvp.domain"),
    "rsvp.formats": (
        *GROUND,
        "rsvp.models",
        "rsvp.event_definition",
        "rsvp.i18n",
        "rsvp.text.states",
    ),
    # The ways in.
    "rsvp.server": ("rsvp.networks",),
    "rsvp.web": (
        *TABLES,
        "rsvp.database",
        "rsvp.domain",
        "rsvp.extensions",
        "rsvp.formats",
        "rsvp.i18n",
        "rsvp.networks",
        "rsvp.queries",
        "rsvp.security",
        "rsvp.server.environ",
        "rsvp.site_addresses",
        "rsvp.startup",
        "rsvp.text.states",
    ),
    "rsvp.web.caching": ("rsvp.i18n", "rsvp.models", "rsvp.queries"),
    "rsvp.jobs": (
        *TABLES,
        "rsvp.database",
        "rsvp.domain",
        "rsvp.extensions",
        "rsvp.formats",
        "rsvp.mailer",
        "rsvp.queries",
        "rsvp.security",
    ),
    "rsvp.demo": (*TABLES, "rsvp.domain", "rsvp.formats"),
}
EXCEPTIONS = {
    # The session is the extension's; `current_session` fetches it when it is called.
    ("rsvp.db", "rsvp.extensions"),
}
# These put the others together, or take all of them apart.
FREE = (
    "rsvp",
    "rsvp.backup",
    "rsvp.celery_app",
    "rsvp.celery_beat",
    "rsvp.cli",
    "rsvp.startup",
    "rsvp.wsgi",
)

# Libraries and modules that would let a layer see what it must not know of.
THE_REQUEST = tuple(f"flask.{name}" for name in ("request", "session", "g"))
MUST_NOT_IMPORT = {
    "rsvp.errors": ("flask", "sqlalchemy"),
    "rsvp.tokens": ("flask", "sqlalchemy"),
    "rsvp.text": ("flask", "sqlalchemy", "jinja2", "werkzeug", "wtforms"),
    "rsvp.rate_limits": ("flask", "sqlalchemy"),
    "rsvp.mailer": (*THE_REQUEST, "sqlalchemy"),
    "rsvp.server": ("flask", "sqlalchemy", "werkzeug"),
    "rsvp.database": THE_REQUEST,
    "rsvp.db": THE_REQUEST,
    "rsvp.event_definition": ("flask", "sqlalchemy"),
    "rsvp.models": ("flask", "flask_sqlalchemy"),
    "rsvp.domain": ("flask", "jinja2", "werkzeug", "wtforms", "flask_sqlalchemy"),
    "rsvp.queries": ("flask", "jinja2", "werkzeug", "wtforms", "flask_sqlalchemy"),
    "rsvp.formats": (
        *THE_REQUEST,
        "sqlalchemy",
        "flask_sqlalchemy",
        "rsvp.db",
        "rsvp.extensions",
    ),
    "rsvp.jobs": THE_REQUEST,
    "rsvp.backup": (*THE_REQUEST, "rsvp.web", "rsvp.cli", "rsvp.jobs"),
    "rsvp.cli": (*THE_REQUEST, "rsvp.web"),
    "rsvp.startup": (*THE_REQUEST, "rsvp.web", "rsvp.cli", "rsvp.jobs", "rsvp.domain"),
}

# Inside `domain`: what concerns one table, then the waitlist, then registrations, then
# the rest; a module imports only from before itself, or of its own package.
DOMAIN = {"audit": 0, "edit_versions": 0}
DOMAIN |= {"accounts.users": 1, "messages.mail_limits": 1, "quiet_hours": 1}
DOMAIN |= {"capacity": 2, "questions": 2, "teams": 2, "messages.relevance": 2}
DOMAIN |= {"messages.outbox": 2, "deadlines": 2, "transitions": 2, "invitations": 2}
DOMAIN |= {"waitlist": 3, "registrations": 4}
REST = 5

AUDIENCES = tuple(
    f"rsvp.web.{name}"
    for name in ("public", "attendee", "organizer", "door", "account")
)
SHARED_BY_AUDIENCES = tuple(
    f"rsvp.web.{name}" for name in ("presentation", "forms", "caching")
)

LONGEST = 500


def layers_of(module: str, rules: Iterable[str]) -> list[str]:
    return [layer for layer in rules if within(module, (layer,))]


def test_every_rule_is_about_modules_there_are():
    """A rule for a module that has moved would hold for nothing, and nobody noticed."""
    ruled = {*MAY_IMPORT, *FREE, *MUST_NOT_IMPORT, *AUDIENCES, *SHARED_BY_AUDIENCES}
    ruled |= {name for names in MAY_IMPORT.values() for name in names}
    ruled |= {name for pair in EXCEPTIONS for name in pair}
    ruled |= {f"rsvp.domain.{name}" for name in DOMAIN}
    web = {package for package in PACKAGES if package.count(".") == 2}
    web = {package for package in web if package.startswith("rsvp.web.")}

    gone = ruled - set(MODULES)
    assert not gone, table(gone)
    assert web == {*AUDIENCES, *SHARED_BY_AUDIENCES}


def test_every_module_is_of_a_layer():
    strays = {
        module
        for module in MODULES
        if module not in FREE
        and not layers_of(module, [*MAY_IMPORT, *(f for f in FREE if f != "rsvp")])
    }

    assert not strays, table(strays)


def test_imports_go_one_way():
    offenders = []
    for module in MODULES:
        ours = {name for name in imports_of(module) if within(name, ("rsvp",))}
        exceptions = tuple(to for who, to in EXCEPTIONS if who == module)
        for layer in layers_of(module, MAY_IMPORT):
            allowed = (layer, *MAY_IMPORT[layer], *exceptions)
            offenders += [
                f"{module} imports {name}, which {layer} may not"
                for name in ours
                if not within(name, allowed)
            ]

    assert not offenders, table(offenders)


def test_a_layer_does_not_see_what_it_must_not_know_of():
    offenders = [
        f"{module} imports {name}, which {layer} must not"
        for module in MODULES
        for layer in layers_of(module, MUST_NOT_IMPORT)
        for name in imports_of(module)
        if within(name, MUST_NOT_IMPORT[layer])
    ]

    assert not offenders, table(offenders)


def test_the_domain_builds_upwards():
    offenders = []
    for module in MODULES:
        if not within(module, ("rsvp.domain",)):
            continue
        subject, floor = ".".join(module.split(".")[:3]), floor_of(module)
        for name in imports_of(module):
            if within(name, ("rsvp.domain",)) and not within(name, (subject,)):
                below = floor_of(name)
                if not (below < floor or below == floor == REST):
                    offenders.append(f"{module} ({floor}) imports {name} ({below})")

    assert not offenders, table(offenders)


def floor_of(module: str) -> int:
    """Of a module of the domain, or of a name in one."""
    floors = [
        floor
        for subject, floor in DOMAIN.items()
        if within(module, (f"rsvp.domain.{subject}",))
    ]
    return floors[0] if floors else REST


def test_an_audience_imports_no_other_audience():
    offenders = [
        f"{module} imports {name}"
        for audience in AUDIENCES
        for module in MODULES
        if within(module, (audience,))
        for name in imports_of(module)
        if within(name, AUDIENCES) and not within(name, (audience,))
    ]

    assert not offenders, table(offenders)


def test_what_audiences_share_knows_none_of_them():
    offenders = [
        f"{module} imports {name}"
        for module in MODULES
        if within(module, ("rsvp.web",)) and not within(module, AUDIENCES)
        if module != "rsvp.web"  # which puts them together
        for name in imports_of(module)
        if within(name, AUDIENCES)
    ]

    assert not offenders, table(offenders)


def test_domain_functions_never_commit():
    """Whoever was called from outside opens the one `writing()` block."""
    offenders = [
        f"{MODULES[module]}:{node.lineno} {ast.unparse(node)}"
        for module in MODULES
        if within(module, ("rsvp.domain", "rsvp.queries", "rsvp.formats"))
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and is_commit(node.func)
    ]

    assert not offenders, table(offenders)


def is_commit(called: ast.expr) -> bool:
    name = ast.unparse(called)
    if name in ("writing", "write", "db.write"):
        return True
    return name.endswith((".commit", ".writing")) and "savepoint" not in name


def test_a_module_says_what_it_is_and_stays_short():
    offenders = []
    for module, path in MODULES.items():
        text = path.read_text()
        if len(text.splitlines()) > LONGEST:
            offenders.append(f"{module} is long: look for the second subject")
        if text.strip() and not ast.get_docstring(tree_of(module)):
            offenders.append(f"{module}: its first line names no subject")

    assert not offenders, table(offenders)
