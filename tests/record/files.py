"""What was seen, as text in files of the record."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

LONGEST_NAME = 150


def write(folder: Path, name: str, text: str) -> None:
    """Add a file. Two of one name would hide each other."""
    file = folder / f"{shortened(name)}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8", errors="surrogateescape", newline="") as out:
        out.write(text)


def shortened(name: str) -> str:
    parts = [re.sub(r"[^\w.@=,+-]+", "_", part) or "_" for part in name.split("/")]
    return "/".join(
        part
        if len(part) <= LONGEST_NAME
        else part[:LONGEST_NAME] + hashlib.sha256(part.encode()).hexdigest()[:8]
        for part in parts
    )


def answer_text(answer: TestResponse) -> str:
    """Status, headers and body."""
    lines = [answer.status]
    lines += [f"{name}: {steady(name, value)}" for name, value in answer.headers]
    body = answer.get_data()
    if answer.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return "\n".join(lines) + "\n\n" + body_text(body)


def steady(name: str, value: str) -> str:
    # A file's tag is made of its time and of where the checkout is.
    of_a_file = re.fullmatch(r'"[\d.]+-\d+-\d+"', value)
    if name == "Last-Modified" or (name == "ETag" and of_a_file):
        return "(the file's)"
    return value


def body_text(data: bytes) -> str:
    if data.startswith(b"PK"):
        return unzipped(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return fingerprint(data)


def unzipped(data: bytes) -> str:
    """The XML of a workbook, a tag in a line."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        texts = [
            f"--- {name}\n{body_text(book.read(name))}" for name in book.namelist()
        ]
    made = r"(<dcterms:(?:created|modified)[^>]*>)[^<]*"
    return re.sub(made, r"\1(now)", "\n".join(texts)).replace("><", ">\n<")


def fingerprint(data: bytes) -> str:
    return f"({len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()})"


def mail_text(data: bytes, *, brief: bool = False) -> str:
    """A mail as it goes over the wire: headers, and each part as it is read.

    `brief`: its headers and its text alone.
    """
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    pieces = []
    for part in mail.walk():
        head = "".join(f"{name}: {value}\n" for name, value in part.raw_items())
        if part.is_multipart():
            pieces.append(head)
        elif not brief or part.get_content_type() == "text/plain":
            pieces.append(f"{head}\n{part_text(part)}")
    return "\n-----\n".join(pieces)


def part_text(part: Any) -> str:
    if part.get_content_maintype() == "text":
        return str(part.get_content())
    return fingerprint(part.get_payload(decode=True))
