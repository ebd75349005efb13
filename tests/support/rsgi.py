"""RSGI requests in memory: scopes, headers, and an application that echoes bodies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rsvp.server import environ as environ_keys

LONGEST = 100
HERE, THERE = "192.0.2.1", "198.51.100.7"


class Headers:
    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return list(self.pairs)

    def get(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self.pairs if key == name), default)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]


@dataclass
class Scope:
    """A request as the server tells of it."""

    method: str = "POST"
    path: str = "/form"
    headers: Headers = field(default_factory=Headers)
    client: str = f"{HERE}:40000"
    proto: str = "http"
    scheme: str = "http"
    server: str = "127.0.0.1:8000"
    http_version: str = "1.1"
    query_string: str = ""


class Echo:
    """An application that notes the bodies it got, and refuses those it is told of."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if status := environ.get(environ_keys.REFUSED):
            start(f"{status} Refused", [])
            return [b"refused"]
        length = int(environ.get("CONTENT_LENGTH", "0"))
        self.bodies.append(environ["wsgi.input"].read(length))
        start("200 OK", [])
        return [b"taken"]


def form_scope(body: bytes | int, client: str = HERE, **more: Any) -> Scope:
    length = body if isinstance(body, int) else len(body)
    headers = Headers(("content-length", str(length)), ("content-type", "text/plain"))
    return Scope(headers=headers, client=f"{client}:40000", **more)
