"""Event files: YAML that says all about one event, read strictly and written back.

`parse(dump(x)) == x` for every x that `parse` gave. Each key, its default and its
limits are described in docs/event-file.md.
"""

from rsvp.eventdata import EventFile
from rsvp.formats.eventfile.reading import KEYS, EventFileError, key_line, parse
from rsvp.formats.eventfile.writing import dump
from rsvp.formats.fields import Mistake

__all__ = [
    "KEYS",
    "EventFile",
    "EventFileError",
    "Mistake",
    "dump",
    "key_line",
    "parse",
]
