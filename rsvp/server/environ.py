"""Environ keys shared by the server and the application.

Under a server that has no such front (any other than `rsvp serve`) neither is there.
"""

REFUSED = "rsvp.refused"
"""Of a request whose body was not taken: the status that says why."""
NOT_BEFORE = "rsvp.not_before"
"""A function: the answer goes out at this instant (time.monotonic) or later, and no
thread waits for that."""
