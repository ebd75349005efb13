"""The forms of a page, filled in as a browser sends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml import html
from lxml.html import FormElement

Fields = list[tuple[str, str]]

BY_NAME = {
    "name": "Zoë Quill",
    "email": "zoe.quill@example.org",
    "party": "1",
    "seats": "2",
    "place": "1",
    "count": "2",
    "uses": "3",
    "subject": "Bring a bowl, {name}",
    "headline": "Dear {name}",
    "text": "We begin at {time}.\n\nhttps://map.example.org/here",
    "why": "The stove takes ten pots.",
    "reason": "The stove takes ten pots.",
}
BY_TYPE = {
    "email": "zoe.quill@example.org",
    "number": "2",
    "datetime-local": "2027-01-20T12:00",
    "date": "2027-01-20",
    "url": "https://example.org/",
    "password": "another long enough password",
}
KEPT = ("hidden", "submit", "button", "image", "reset", "file")
TRAP = "nickname"
"""A field that people don't see; whoever fills it in is no person."""


@dataclass(frozen=True)
class Sending:
    """A form as it is sent by one of its buttons."""

    action: str
    button: str
    filled: bool
    fields: tuple[tuple[str, str], ...]


def sendings(page: str, path: str) -> Iterator[Sending]:
    """Each form that changes something, by each of its buttons: as it stands, and with
    everything filled in where there is something to fill."""
    for variant in (False, True):
        tree = html.document_fromstring(page)
        for form in tree.forms:
            if form.method != "POST" or (variant and not fill(form)):
                continue
            action = urlsplit(urljoin(path, form.get("action") or path)).path
            values = [(name, value) for name, value in form.form_values()]
            for name, value in buttons(tree, form):
                pressed = [(name, value)] if name else []
                told = f"{name}={value}" if name else ""
                yield Sending(action, told, variant, tuple(values + pressed))


def buttons(tree: html.HtmlElement, form: FormElement) -> list[tuple[str, str]]:
    inside = "self::button[not(@type) or @type='submit'] or self::input[@type='submit']"
    found = form.xpath(f".//*[{inside}]")
    if marked := form.get("id"):
        found += tree.xpath(f"//*[{inside}][@form='{marked}']")
    told = [(one.get("name") or "", one.get("value") or "") for one in found]
    return list(dict.fromkeys(told)) or [("", "")]


def fill(form: FormElement) -> bool:
    """Fill in whatever a person could; whether there was anything."""
    found = False
    for field in form.xpath(".//input | .//select | .//textarea"):
        kind, name = field.get("type", "text"), field.get("name") or ""
        if kind in KEPT or not name or name == TRAP or field.get("disabled"):
            continue
        found = True
        if field.tag == "select":
            field.value = field.value_options[-1]
        elif field.tag == "textarea":
            field.text = BY_NAME.get(name, "Said in\ntwo lines, {name}.")
        elif kind in ("checkbox", "radio"):
            field.set("checked", "checked")
        else:
            kind = "number" if field.get("inputmode") == "numeric" else kind
            default = BY_TYPE.get(kind, "Some words")
            field.set("value", BY_NAME.get(name, default))
    return found
