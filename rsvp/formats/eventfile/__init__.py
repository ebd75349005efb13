"""Event files: YAML that says all about one event, read strictly and written back.

`parse(dump(x)) == x` for every x that `parse` gave. Each key, its default and its
limits are described in docs/event-file.md.
"""
