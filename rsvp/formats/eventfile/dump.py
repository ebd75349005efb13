"""Dump an event file: YAML of an event, without what is at its default."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import yaml

from rsvp.event_definition import EventDefinition


class EventDumper(yaml.SafeDumper):
    """Writes text of several lines as a block, as people do."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        # Lists are indented below their key, as in the files people write.
        super().increase_indent(flow, False)


def represent_text(dumper: EventDumper, text: str) -> yaml.ScalarNode:
    if "\n" not in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text)
    # Reading strips the last newline again.
    return dumper.represent_scalar("tag:yaml.org,2002:str", f"{text}\n", style="|")


EventDumper.add_representer(str, represent_text)


def dump_event(event: EventDefinition) -> str:
    """Dump an event as YAML; what is at its default is left out."""
    return yaml.dump(
        to_mapping(event),
        Dumper=EventDumper,
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=88,
    )


def to_mapping(value: Any) -> Any:
    """Return a dataclass as a mapping of what is not at its default, in the order of
    KEYS."""
    if is_dataclass(value):
        return {
            field.name: to_mapping(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [to_mapping(item) for item in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value) if isinstance(value, StrEnum) else value
