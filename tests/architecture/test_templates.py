"""What every template says at its top, and which ones pages are made from."""

import re

from jinja2 import Environment, nodes

from tests.paths import ROOT
from tests.support.for_each import for_each

FOLDER = ROOT / "templates"
ENVIRONMENT = Environment(autoescape=True)
NAMES = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob("*")
    if path.suffix in {".html", ".txt"}
)


def source_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def is_layout(name: str) -> bool:
    return name == "base.html" or name.startswith("layouts/") or "_layout." in name


def has_macros_alone(source: str) -> bool:
    """Whether a template puts out nothing by itself, so that it is only imported."""
    quiet = (nodes.Macro, nodes.Assign, nodes.FromImport)
    return all(
        isinstance(node, quiet)
        or (isinstance(node, nodes.Output) and not "".join(texts_in(node)).strip())
        for node in ENVIRONMENT.parse(source).body
    )


def texts_in(output: nodes.Output) -> list[str]:
    return [
        node.data if isinstance(node, nodes.TemplateData) else "printed"
        for node in output.nodes
    ]


SPEAKING = [
    name
    for name in NAMES
    if not is_layout(name) and not has_macros_alone(source_of(name))
]
"""Those that put something out: pages, mails and parts of them."""


def test_there_are_templates() -> None:
    assert {"public/event.html", "mail/message.txt"} <= set(SPEAKING)


@for_each("name", SPEAKING)
def test_a_template_says_at_its_top_what_it_needs(name: str) -> None:
    comment = re.match(r"\{#-? (.*?)-?#\}", source_of(name), re.DOTALL)

    assert comment and re.search(r"\bNeeds\b", comment[1])


def test_what_begins_with_an_underscore_is_a_part_and_no_page() -> None:
    python = "\n".join(path.read_text() for path in (ROOT / "rsvp").rglob("*.py"))

    assert re.findall(r'"[a-z_/]*/_[a-z_]+\.(?:html|txt)"', python) == []


def test_what_is_included_or_imported_is_there() -> None:
    missing = []
    for name in NAMES:
        tree = ENVIRONMENT.parse(source_of(name))
        for node in tree.find_all((nodes.Extends, nodes.Include, nodes.FromImport)):
            named = [each.value for each in node.template.find_all(nodes.Const)]
            if isinstance(node.template, nodes.Const):
                named = [node.template.value]
            missing += [(name, n) for n in named if not (FOLDER / n).is_file()]

    assert missing == []
