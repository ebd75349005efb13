"""HTTP client: keep-alive connections that cost little beside the server they ask."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import uuid4


class Connection:
    """One HTTP/1.1 connection, opened when needed and kept."""

    def __init__(self, port: int, patience: float = 60) -> None:
        self.port, self.patience = port, patience
        self.socket: socket.socket | None = None

    def get(self, path: str, headers: str = "") -> Answer:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        body = urlencode(fields)
        return self.ask(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def ask(self, request: str) -> Answer:
        if self.socket is None:
            self.socket = socket.create_connection(
                ("127.0.0.1", self.port), timeout=self.patience
            )
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request.encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        headers = head.decode("latin-1")
        length = re.search(r"\r\ncontent-length: (\d+)", headers, re.IGNORECASE)
        if length:
            while len(body) < int(length[1]):
                body += self.receive()
        elif "chunked" in headers.lower():
            while not body.endswith(b"0\r\n\r\n"):
                body += self.receive()
        location = re.search(r"\r\nlocation: (\S+)", headers, re.IGNORECASE)
        if re.search(r"\r\nconnection: close", headers, re.IGNORECASE):
            self.close()
        return Answer(
            int(headers[9:12]), body, urlsplit(location[1]).path if location else None
        )

    def receive(self) -> bytes:
        assert self.socket is not None
        if data := self.socket.recv(65536):
            return data
        raise ConnectionError("the server closed the connection")

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


@dataclass
class Answer:
    status: int
    body: bytes
    location: str | None


def form_token(body: bytes) -> str:
    """The signed hour in an event page's form."""
    found = re.search(rb'name="form_token"[^>]*value="([^"]+)"', body)
    found = found or re.search(rb'value="([^"]+)"[^>]*name="form_token"', body)
    assert found, "the page has no form"
    return found[1].decode()


def form_fields(token: str, admission: str) -> dict[str, str]:
    """A form filled by somebody new."""
    someone = uuid4().hex
    return {
        "name": "Ada Example",
        "email": f"{someone}@example.org",
        "admission": admission,
        "party": "1",
        "submission": str(uuid4()),
        "form_token": token,
    }
