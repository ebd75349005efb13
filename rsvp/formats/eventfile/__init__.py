"""Event files: YAML that says all about one event, read strictly and written back.

`parse_event(dump_event(x)) == x` for every x that `parse_event` gave. Each key, its
default and its limits are described in docs/event-file.md.
"""
