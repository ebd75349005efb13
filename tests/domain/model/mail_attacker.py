"""A mail attacker: tries to fill strangers' mailboxes by all that forms and links
allow, what the site then mails, and a small model of what it may."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from rsvp import errors
from rsvp.db import write, write_optimistic, writing
from rsvp.domain import privacy
from rsvp.domain.messages import mail_limits
from rsvp.domain.registrations import cancellation, changes, create, transfer
from rsvp.domain.registrations.create import Outcome, RequestedAttendee
from rsvp.extensions import db
from rsvp.formats.mail.render import RenderedMail, compose
from rsvp.models import Event, Message, Registration
from rsvp.models.event import QuestionType
from rsvp.models.message import MessageState
from rsvp.models.registration import LIVE_STATES
from rsvp.queries import events as event_queries
from tests.support.factories import CODE_KEY, NOON, make_event

STRANGERS = {
    "ada.bell@gmail.com": (
        "ada.bell@gmail.com",
        "adabell@gmail.com",
        "a.d.a.bell@googlemail.com",
        "adabell+1@gmail.com",
        "ada.bell+news@googlemail.com",
    ),
    "bo@example.org": ("bo@example.org", "bo+a@example.org", "bo+b+c@example.org"),
    "cy@example.net": ("cy@example.net", "cy+news@example.net"),
}
MAILBOX = {text: one for one, texts in STRANGERS.items() for text in texts}

EVIL = ("WIN-500 at casino", "EVIL9 call 0900", "€EVIL€", "EVIL " * 9)
PLAIN = ("Zebulon Quux", "Quuxine O’Zebul", None)
MARKS = re.compile("EVIL|WIN-500|casino")
TYPED = re.compile("Zebul|Quux")
ENDED = ("cancelled", "passed_on", "lapsed", "released")
BY_THE_LINE = ("promoted", "offer")


@dataclass
class MailAttacker:
    """One attacker, by a seed: `go` makes so many random moves and returns what went
    wrong, each a line."""

    seed: int
    now: datetime = NOON
    held: list[Outcome] = field(default_factory=list)
    sent: dict[str, list[tuple[datetime, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    ended: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    by_network: dict[bytes, list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    seen: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    mails: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        asked = {"key": "diet", "type": QuestionType.TEXT}
        self.events = [
            make_event(
                {"key": "hall", "name": "Hall", "capacity": 6},
                {"key": "lounge", "name": "Lounge", "capacity": 9},
                several=several,
                questions=(asked,),
                wording={"confirmation": {"subject": "{name}: {event}"}},
            )
            for several in (True, False, False)
        ]
        self.slugs = [event.slug for event in self.events]

    def go(self, moves: int) -> list[str]:
        acts: tuple[Callable[[], Any], ...] = (
            self.register,
            self.register,
            self.register,
            self.rename,
            self.rename,
            self.bring_guest,
            self.drop_guest,
            self.move,
            self.correct,
            self.pass_on,
            self.lose_mail,
            self.cancel,
            self.erase,
            self.wait,
        )
        for _ in range(moves):
            act = self.dice.choice(acts)
            self.network = self.dice.choice((b"h" * 16, b"t" * 16))
            try:
                with mail_limits.counting_network(self.network):
                    act()
            except errors.Refusal:
                self.refused += 1
            self.deliver(act.__name__)
        return self.wrong

    # --- moves ---

    def register(self) -> None:
        page = event_queries.load_detached_event(self.dice.choice(self.slugs))
        assert page is not None
        people = tuple(
            RequestedAttendee(self.name() or "Zebulon Quux", {})
            for _ in range(self.dice.choice((1, 1, 2)))
        )
        email = self.address()
        wanted = create.RegistrationRequest(
            admission_id=self.dice.choice(page.admissions).id,
            email=email,
            email_key=email,
            party=people,
            answers={"diet": self.dice.choice(EVIL)},
        )
        plan = create.prepare(page, wanted, code_key=CODE_KEY, now=self.now)
        made = write_optimistic(create.register, plan)
        if made.kind == "made":
            self.held.append(made)

    def rename(self) -> None:
        own, people = self.mine(), {0: RequestedAttendee(self.name() or "Quux", {})}
        answers = {"diet": self.dice.choice(EVIL)}
        self.do(changes.change_details, own, people, answers)

    def bring_guest(self) -> None:
        guest = RequestedAttendee(self.name(), {})
        self.do(changes.add_guest, self.mine(), guest, code_key=CODE_KEY)

    def drop_guest(self) -> None:
        self.do(cancellation.cancel_guest, self.mine(), self.dice.choice((1, 2)))

    def move(self) -> None:
        own = self.mine()
        event = db.session.get_one(Registration, own).event_id
        ways = [a.id for a in db.session.get_one(Event, event).admissions]
        self.do(changes.change_admission, own, self.dice.choice(ways))

    def correct(self) -> None:
        self.do(transfer.correct_address, self.mine(), **self.another())

    def pass_on(self) -> None:
        name = self.name() or "Quux"
        self.do(
            transfer.transfer_registration, self.mine(), name=name, **self.another()
        )

    def lose_mail(self) -> None:
        key = self.address()
        write(transfer.resend_links, key, now=self.now)

    def cancel(self) -> None:
        self.do(cancellation.cancel, self.mine())

    def erase(self) -> None:
        self.do(privacy.erase_registration, self.mine())

    def wait(self) -> None:
        self.now += timedelta(minutes=self.dice.choice((1, 20, 70, 400)))

    # --- what they are made of ---

    def do(self, verb: Callable[..., Any], *args: Any, **values: Any) -> None:
        who = {"actor": "attendee", "now": self.now}
        write(verb, *args, **values, **who)

    def mine(self) -> int:
        live = select(Registration.id).where(
            Registration.id.in_([one.registration_id for one in self.held]),
            Registration.state.in_(LIVE_STATES),
        )
        ids = sorted(db.session.scalars(live))
        db.session.rollback()
        if not ids:
            raise errors.AlreadyOver
        return self.dice.choice(ids)

    def name(self) -> str | None:
        return self.dice.choice((*EVIL, *PLAIN))

    def address(self) -> str:
        return self.dice.choice(tuple(MAILBOX))

    def another(self) -> dict[str, Any]:
        email = self.address()
        return {"email": email, "email_key": email, "code_key": CODE_KEY}

    # --- what comes of it ---

    def deliver(self, act: str) -> None:
        """Look at each new mail as it goes out, at once."""
        with writing() as session:
            new = session.scalars(
                select(Message)
                .where(Message.id.not_in(self.seen or {0}))
                .order_by(Message.id)
            ).all()
            for message in new:
                self.seen.add(message.id)
                # Erased in the moment it was written, or handed on: nothing goes out.
                if message.state != MessageState.QUEUED or not message.recipient:
                    continue
                self.judge(message, act)
                message.state = MessageState.SENT
                message.sent_at = self.now

    def judge(self, message: Message, act: str) -> None:
        self.mails += 1
        mail = compose(
            message,
            code_key=CODE_KEY,
            public_url="https://rsvp.example.org",
            at=self.now,
        )
        self.wrong += [f"{message.kind}: {what}" for what in wrong_words(mail)]
        mailbox = MAILBOX[message.recipient_key]
        if message.kind in ENDED:
            about = (message.registration_id or 0, message.kind, message.recipient_key)
            self.ended[about] += 1
            if self.ended[about] > 1 and message.kind != "passed_on":
                self.wrong.append(f"{about} ended twice")
            return
        if message.kind in BY_THE_LINE and message.mailbox is None:
            return
        self.sent[mailbox].append((self.now, message.event_id or 0))
        today = [
            at for at in self.sent[mailbox] if at[0] > self.now - timedelta(days=1)
        ]
        hour = [
            at
            for at in today
            if at[0] > self.now - timedelta(hours=1) and at[1] == message.event_id
        ]
        if len(hour) > 3 or len(today) > 6:
            self.wrong.append(f"{mailbox}: {len(hour)}, {len(today)} after {act}")
        if act not in ("register", "lose_mail"):
            here = self.by_network[self.network]
            here.append(self.now)
            if len([at for at in here if at > self.now - timedelta(hours=1)]) > 20:
                self.wrong.append("more than 20 changes from one network")


def wrong_words(mail: RenderedMail) -> list[str]:
    """What an attacker has typed that stands where it must not."""
    calendar = (mail.calendar or b"").decode()
    everything = "\n".join((mail.subject, mail.text, mail.html, calendar))
    outside = re.sub(
        r'<p class="name.*?</p>|alt="[^"]*"', "", mail.html, flags=re.DOTALL
    )
    plain = re.sub(r"-{20,}\n[^\n]* · ", "", mail.text)
    found = [f"{text!r} in a mail" for text in MARKS.findall(everything)]
    for where, text in (
        ("the subject", mail.subject),
        ("the text", plain),
        ("the HTML", outside),
        ("the calendar", calendar),
    ):
        found += [f"{word!r} in {where}" for word in TYPED.findall(text)]
    return found
