"""What visitors see at a moment of a site: every page, and what each form leads to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urljoin, urlsplit

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.record import clock
from tests.record.files import answer_text, mail_text, write
from tests.record.forms import Sending, sendings
from tests.record.product import Message, build_mail, db
from tests.record.site import PUBLIC_URL, Site

FROM_HERE = {"Origin": PUBLIC_URL, "Sec-Fetch-Site": "same-origin"}
LINK = re.compile(r'<(?:a|iframe)\b[^>]*\b(?:href|src)="([^"]+)"')
REDIRECTS = (301, 302, 303, 307, 308)
UNSAID = re.compile(r"\$argon2id\$[^']*|INSERT INTO \"?jobs\"? .*")
"""Salted, or of this process."""


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser."""

    who: str
    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=PUBLIC_URL)

    def post(self, path: str, fields: dict[str, list[str]]) -> TestResponse:
        return self.client.post(
            path, base_url=PUBLIC_URL, data=fields, headers=FROM_HERE
        )


@dataclass(frozen=True)
class Page:
    visitor: Visitor
    path: str
    html: str


class Moment:
    """A moment of a site, with a folder of the record.

    `names` says what parts of addresses that nobody can remember are called.
    """

    def __init__(self, site: Site, name: str, names: dict[str, str]) -> None:
        self.site = site
        self.name = name
        self.names = names
        self.pages: list[Page] = []
        self.seen: set[tuple[str, str]] = set()
        self.sent: set[tuple[object, ...]] = set()

    def readable(self, path: str) -> str:
        for secret, name in self.names.items():
            path = path.replace(secret, name)
        return path.strip("/").replace("/", "_") or "home"

    def write(self, name: str, text: str) -> None:
        write(self.site.folder, f"{self.name}/{name}", text)

    # --- looking --------------------------------------------------------------------

    def look(self, visitor: Visitor, path: str) -> str:
        """Fetch a page, once, and record it; what it says if it is HTML."""
        if (visitor.who, path) in self.seen:
            return ""
        self.seen.add((visitor.who, path))
        clock.begin(f"{self.name} {visitor.who} GET {path}")
        answer = visitor.get(path)
        said = f"GET {path}\n\n{answer_text(answer)}"
        self.write(f"{visitor.who}/GET {self.readable(path)}", said)
        if answer.mimetype != "text/html" or answer.status_code >= 400:
            return ""
        page = Page(visitor, path, answer.text)
        self.pages.append(page)
        return page.html

    def walk(
        self, visitor: Visitor, starts: Iterable[str], within: Callable[[str], bool]
    ) -> None:
        """Look at these pages and at those they link to, as far as `within` says.

        Of a page with a question in its address no other questions are asked.
        """
        ahead = list(starts)
        while ahead:
            path = ahead.pop(0)
            for link in links(self.look(visitor, path), path):
                is_more = "?" in link and "?" in path
                if within(link) and not is_more:
                    ahead.append(link)

    # --- sending --------------------------------------------------------------------

    def send_all(
        self,
        situation: Callable[[str], object] = lambda path: path,
        wanted: Callable[[Page], bool] = lambda page: True,
    ) -> None:
        """Send every form that was seen, each time to the site as it is now. Of those
        that are in the same `situation` one stands for all."""
        for page in [page for page in self.pages if wanted(page)]:
            for sending in sendings(page.html, page.path):
                names = tuple(name for name, _ in sending.fields)
                key = (
                    page.visitor.who,
                    situation(sending.action),
                    sending.button,
                    sending.filled,
                    names,
                )
                if key not in self.sent:
                    self.sent.add(key)
                    self.site.branch(partial(self.send, page, sending))

    def send(self, page: Page, sending: Sending) -> None:
        how = "filled" if sending.filled else "as it is"
        button = f" {sending.button}" if sending.button else ""
        where = self.readable(sending.action)
        name = f"{page.visitor.who}/POST {where}{button} {how}"
        number = len(self.sent)
        clock.begin(f"{self.name} {name} {number}")
        newest = self.newest_mail()
        before = self.site.dump()
        fields: dict[str, list[str]] = {}
        for key, value in sending.fields:
            fields.setdefault(key, []).append(value)
        answer = page.visitor.post(sending.action, fields)
        pieces = [f"POST {sending.action}", answer_text(answer)]
        if answer.status_code in REDIRECTS:
            target = urljoin(sending.action, answer.headers["Location"])
            clock.begin(f"{self.name} {name} {number} then")
            split = urlsplit(target)
            if split.netloc in ("", urlsplit(PUBLIC_URL).netloc):
                path = split.path + (f"?{split.query}" if split.query else "")
                pieces += [f"GET {path}", answer_text(page.visitor.get(path))]
        pieces += ["ROWS", difference(before, self.site.dump())]
        pieces += self.mails_after(newest, brief=True)
        self.write(f"{name} {number:04}", "\n\n".join(pieces))

    # --- mails ----------------------------------------------------------------------

    def newest_mail(self) -> int:
        [(newest,)] = self.site.rows("SELECT coalesce(max(id), 0) FROM messages")
        return int(newest)

    def mails_after(self, newest: int, *, brief: bool = False) -> list[str]:
        with self.site.app.app_context():
            # Erased ones are to nobody.
            wanted = select(Message).where(Message.id > newest, Message.recipient != "")
            found = []
            for message in db.session.scalars(wanted.order_by(Message.id)):
                clock.begin(f"mail {message.uuid}")
                letter = build_mail(message, clock.Clock.at)
                found.append("MAIL " + mail_text(letter.as_bytes(), brief=brief))
            db.session.remove()
        return found


def links(page: str, path: str) -> list[str]:
    """The pages of this site that a page leads to, without their fragments."""
    found = []
    for href in LINK.findall(page):
        split = urlsplit(urljoin(PUBLIC_URL + path, href.replace("&amp;", "&")))
        if f"{split.scheme}://{split.netloc}" == PUBLIC_URL:
            found.append(split.path + (f"?{split.query}" if split.query else ""))
    return list(dict.fromkeys(found))


def difference(before: list[str], after: list[str]) -> str:
    """Rows that went and rows that came, in their order."""
    old, new = set(before), set(after)
    lines = [f"- {line}" for line in before if line not in new]
    lines += [f"+ {line}" for line in after if line not in old]
    return UNSAID.sub("(…)", "\n".join(lines))
