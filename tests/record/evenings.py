"""An acceptance event from its publication until its data is erased.

People register, confirm, give up, wait and are let in, all by the forms of the pages.
At some moments every page is fetched, and at some every form on them is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lxml import html
from werkzeug.test import TestResponse

from tests.record import clock
from tests.record.files import answer_text
from tests.record.product import PASSWORD, db, import_case, make_user, run_due_jobs
from tests.record.site import PUBLIC_URL, Site, new_site
from tests.record.visits import Moment, Visitor

OWNER = "owner@example.org"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PEOPLE = (
    "Ada Marsh",
    "Ben Ödland",
    "Cleo Winter",
    "Dora Quill",
    "Edgar Sloe",
    "Fay Abe",
    "Gil Roy",
    "Hana Kovač",
    "Ida Blau",
    "Jo <b>Núñez</b>",
)
ANSWERS = {
    "answers-diet": "No celery",
    "answers-group": "Fares",
    "answers-access": "A seat near the door",
    "answers-ask": "Which radiators stay?",
    "answers-why": "My grandmother's recipes",
    "answers-tried": "no",
}
OF_A_GUEST = {
    "guests-0-answers-diet": "=1+1",
    "guests-0-answers-access": "Large print",
}
FILTERS = (
    "search=ada",
    "state=confirmed",
    "state=waitlisted",
    "state=cancelled",
    "checked_in=yes",
    "checked_in=no",
    "mail=failed",
    "state=nonsense",
    "page=2",
)


def record(folder: Path, case: str) -> None:
    with new_site(folder) as site:
        Evening(site, case).run()


class Evening:
    def __init__(self, site: Site, case: str) -> None:
        self.site = site
        self.case = case
        self.names: dict[str, str] = {}
        self.invitation = ""
        """What invited people have in the address of the event's page."""
        self.links: dict[str, str] = {}
        """By whose it is, the path of a registration's page."""
        self.others: dict[str, str] = {}
        """Tickets of guests, and links to be left alone by."""
        self.shown: set[str] = set()
        self.steps = 0
        self.visitor = Visitor("visitor", site.browser())
        self.attendee = Visitor("attendee", site.browser())
        self.organizer = Visitor("organizer", site.browser())
        self.phone = Visitor("phone", site.browser())

    def run(self) -> None:
        clock.begin(f"publish {self.case}")
        with self.site.app.app_context():
            event = self.publish()
            self.slug = event.slug
            self.starts, self.ends = event.starts_at, event.ends_at
            self.retention = timedelta(days=event.retention_days)
            self.admissions = [admission.key for admission in event.admissions]
            self.party = min(2, event.party_max)
            make_user(OWNER, team=event.team.slug)
            db.session.remove()
        self.sign_in()
        self.export("published")
        self.invite()

        if event_opens := self.opens():
            self.wait_until(event_opens - DAY)
            self.look(self.moment("before it opens"))
        self.wait_until(self.starts - timedelta(days=14))
        self.people_register()
        opened = self.moment("open")
        self.look(opened, everything=True)
        opened.send_all(self.situation)
        self.write_mails(opened)
        self.site.branch(self.called_off)

        self.some_change_their_minds()
        self.write_to_everybody()
        self.move_the_event()
        changed = self.moment("changed")
        self.look(changed, pages=("registrations", "messages", "mailings"))
        changed.send_all(
            self.situation,
            lambda page: "/mailings" in page.path or "/registrations" in page.path,
        )
        self.site.branch(self.second_thoughts)
        self.wait_until(self.starts - timedelta(days=11))
        self.work()
        self.let_a_mail_fail()
        late = self.moment("offers have lapsed")
        self.look(late, pages=("registrations", "messages"))
        late.send_all(
            self.situation,
            lambda page: page.visitor.who == "attendee" or "/messages" in page.path,
        )
        for ahead in (2, 1):
            self.wait_until(self.starts - ahead * DAY - HOUR)
            self.work()

        self.wait_until(self.starts - timedelta(minutes=20))
        self.doors_open()
        door = self.moment("door")
        self.look(door)
        self.look_at_the_door(door)
        door.send_all(self.situation, at_the_door)
        self.wait_until(self.ends + timedelta(hours=30))
        self.work()
        over = self.moment("over")
        self.look(over)
        over.send_all(self.situation, lambda page: page.visitor.who != "organizer")
        self.write_mails(over)
        self.export("over")
        self.wait_until(self.ends + self.retention + 3 * DAY)
        self.work()
        self.look(self.moment("erased"), pages=("registrations", "messages", ".ics"))

    def publish(self) -> Any:
        return import_case(self.case, now=clock.START)

    def opens(self) -> datetime | None:
        [(opens,)] = self.site.rows("SELECT opens_at FROM events")
        return datetime.fromisoformat(opens).replace(tzinfo=UTC) if opens else None

    def wait_until(self, at: datetime) -> None:
        """Go on at this instant; the organizer signs in again if that was long ago."""
        clock.set_time(at)
        self.sign_in()

    # --- what people do -------------------------------------------------------------

    def sign_in(self) -> None:
        self.fill_in(
            self.organizer,
            "/organize/sign-in",
            "/organize/sign-in",
            email=OWNER,
            password=PASSWORD,
        )

    def people_register(self) -> None:
        """So many that some of them have to wait."""
        for number, name in enumerate(PEOPLE):
            if number == 4:
                self.make_it_full()
            self.register(name, self.admissions[number // 3 % len(self.admissions)])
        self.collect_links()
        for name in PEOPLE[:3]:
            if self.state_of(name) == "held":
                link = self.links[f"{name}, mailed"]
                self.fill_in(self.attendee, link, "/confirmation")
        for name in PEOPLE[:3]:
            if self.state_of(name) == "requested":
                noun = "decline" if name == PEOPLE[1] else "approval"
                self.decide(name, noun, why="Bring an apron.")
        self.collect_links()

    def invite(self) -> None:
        """Make codes, where one needs one to register."""
        path = f"/organize/events/{self.slug}/invitations"
        typed = {"count": "2", "uses": "20", "label": "Neighbours"}
        self.fill_in(self.organizer, path, path, **typed)
        file = self.organizer.get(f"{path}.csv").text
        if code := re.search(r"\?invitation=[\w-]+", file):
            self.invitation = code[0]

    def register(self, name: str, admission: str) -> None:
        typed = ANSWERS | {
            "name": name,
            "email": f"{name.split()[0].lower()}@example.org",
            "admission": admission,
            "invitation": self.invitation.partition("=")[2],
        }
        if name in PEOPLE[::3] and self.party > 1:
            typed |= OF_A_GUEST | {"party": "2"}
            typed["guests-0-name"] = f"Guest of {name}" if name == PEOPLE[0] else ""
        path = f"/events/{self.slug}"
        answer = self.fill_in(self.attendee, path, "/registrations", **typed)
        if link := re.match(r"/r/([\w-]+)", urlsplit(answer).path):
            self.links[name] = link[0]
            self.names[link[1]] = name.split()[0]

    def link_of(self, name: str) -> str:
        """The link of the page after the form; where that gives none, of the mail."""
        return self.links.get(name) or self.links[f"{name}, mailed"]

    def make_it_full(self) -> None:
        """No more places than are taken, and a few."""
        for key, taken in self.site.rows("SELECT key, seats_taken FROM admissions"):
            towards = f"/seats/{key}/capacity"
            path = f"/organize/events/{self.slug}/seats"
            self.fill_in(self.organizer, path, towards, seats=str(max(taken, 2)))

    def some_change_their_minds(self) -> None:
        """One gives up, the organizers cancel one and give the place of one on."""
        self.fill_in(self.attendee, self.link_of(PEOPLE[0]), "/cancellation")
        self.decide(PEOPLE[2], "cancellation", reason="The room is smaller.")
        self.decide(PEOPLE[3], "release")
        self.decide(PEOPLE[9], "cancellation")
        self.collect_links()

    def write_to_everybody(self) -> None:
        """Two mails in the organizers' own words: one goes out, one stays a draft."""
        home = f"/organize/events/{self.slug}/mailings"
        for subject in ("Bring a bowl, {name}", "Not yet"):
            typed = {"subject": subject, "text": "We begin at {time}, {name}."}
            path = self.fill_in(self.organizer, f"{home}/new", home, **typed)
            if subject != "Not yet":
                sending = f"{urlsplit(path).path}/sending"
                self.fill_in(self.organizer, sending, sending, when="now")
        self.work()

    def move_the_event(self) -> None:
        """Import its file again with another place, or another link."""
        run: Callable[..., Any] = self.site.app.test_cli_runner().invoke
        text = run(args=["event", "export", self.slug]).stdout_bytes.decode()
        text = re.sub(r"(venue:\n  name: .*)", r"\1 (annex)", text)
        text = re.sub(r"(join_url: \S+)", r"\1-b", text)
        file = self.site.instance / "event.yaml"
        file.write_text(text)
        clock.begin("move the event")
        result = run(args=["event", "import", str(file)])
        said = f"{result.exit_code}\n{result.output}"
        file.unlink()
        said = said.replace(str(file), "event.yaml")
        self.moment("commands").write("event import moved", said)
        self.collect_links()

    def second_thoughts(self) -> None:
        """What can be taken back again: a pause, other words, being left alone."""
        home = f"/organize/events/{self.slug}"
        self.fill_in(self.organizer, home, "/pause")
        kind = f"{home}/messages/kinds/confirmation"
        words = {"subject": "In our words", "headline": "", "text": "Welcome, {name}."}
        self.fill_in(self.organizer, kind, "/wording", **words)
        moment = self.moment("paused")
        for path in self.others.values():
            if path.startswith("/u/"):
                self.fill_in(self.attendee, path, path)
                moment.look(self.attendee, path)
                break
        for path in (home, kind, f"{kind}/preview", f"{home}/registrations"):
            moment.look(self.organizer, path)
        moment.look(self.visitor, f"/events/{self.slug}")
        moment.send_all(self.situation)

    def let_a_mail_fail(self) -> None:
        """One address does not exist, one mail waits for another try."""
        first, second, *_ = self.site.rows("SELECT id FROM messages ORDER BY id")
        self.shown.clear()
        self.site.change(
            "UPDATE messages SET state = 'failed', attempts = 1, last_error = ? "
            "WHERE id = ?",
            "550 5.1.1 no such mailbox here",
            *first,
        )
        self.site.change(
            "UPDATE messages SET attempts = 2, last_error = ? WHERE id = ?",
            "451 greylisted, come back later",
            *second,
        )

    def decide(self, name: str, noun: str, **typed: str) -> None:
        query = "SELECT reference FROM registrations WHERE name = ?"
        for (reference,) in self.site.rows(query, name):
            path = f"/organize/events/{self.slug}/registrations/{reference}"
            self.fill_in(self.organizer, path, f"/{noun}", **typed)

    def doors_open(self) -> None:
        """A pass for volunteers, a phone with it, and somebody who is let in."""
        path = f"/organize/events/{self.slug}/door"
        self.fill_in(self.organizer, path, "/door/passes", phones="2", at_once="yes")
        page = self.organizer.get(path).text
        if link := re.search(re.escape(PUBLIC_URL) + r"(/door/([\w-]+))", page):
            self.names[link[2]] = "pass"
            self.others["pass"] = link[1]
            name = "Main entrance"
            self.fill_in(self.phone, link[1], link[1], name=name)
            for code in self.codes()[:2]:
                self.fill_in(self.phone, "/door/", "/door/scans", code=code)

    def codes(self) -> list[str]:
        """What is printed under the QR pictures of the people's tickets."""
        found: list[str] = []
        for link in self.links.values():
            page = self.attendee.get(link).text
            found += re.findall(r"1[0-9A-Z]{4}(?: [0-9A-Z]{4}){6}", page)
        return list(dict.fromkeys(found))

    def fill_in(self, visitor: Visitor, path: str, towards: str, **typed: str) -> str:
        """Send the form of a page that goes to such an address, if it has one; where
        the answer leads."""
        clock.begin(f"{visitor.who} at {path} {towards} {sorted(typed.items())}")
        page = visitor.get(path)
        if page.mimetype != "text/html":
            return ""
        for form in html.document_fromstring(page.text).forms:
            action = form.get("action") or path
            if form.method == "POST" and urlsplit(action).path.endswith(towards):
                names = set(form.fields.keys())
                for box in form.xpath(".//input[@type='checkbox'][@required]"):
                    box.set("checked", "checked")
                for name, value in typed.items():
                    if name in names:
                        form.fields[name] = value
                fields: dict[str, list[str]] = {}
                for name, value in form.form_values():
                    fields.setdefault(name, []).append(value)
                answer = visitor.post(urlsplit(action).path, fields)
                self.note(visitor, action, answer)
                return answer.headers.get("Location", "")
        return ""

    def note(self, visitor: Visitor, action: str, answer: TestResponse) -> None:
        moment = self.moment("steps")
        self.steps += 1
        name = f"{self.steps:03} {visitor.who} POST {moment.readable(action)}"
        moment.write(name, f"POST {action}\n\n{answer_text(answer)}")

    def work(self) -> None:
        """What the worker does now, but for sending."""
        clock.begin(f"work {clock.Clock.at}")
        with self.site.app.app_context():
            run_due_jobs(clock.Clock.at, early=True)
            db.session.remove()
        self.collect_links()

    # --- what there is to look at ---------------------------------------------------

    def state_of(self, name: str) -> str:
        rows = self.site.rows("SELECT state FROM registrations WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def collect_links(self) -> None:
        """Find the links that mails and pages have brought so far, and name them."""
        for mail in self.moment("links").mails_after(0):
            whose = re.search(r"^To: .*?(\w+)@", mail, re.MULTILINE)
            name = whose[1] if whose else "nobody"
            for path, kind, token in re.findall(r"(/([rtu])/([\w-]+))", mail):
                if token not in self.names:
                    many = len(self.names)
                    self.names[token] = f"{name}-{kind}{many}"
                    if kind == "r":
                        full = next(p for p in PEOPLE if p.lower().startswith(name))
                        self.links[f"{full}, mailed"] = path
                    else:
                        self.others[self.names[token]] = path

    def situation(self, path: str) -> object:
        """The path with what stands for a registration in place of whose it is."""
        for name, link in self.links.items():
            if path.startswith(link):
                person = name.partition(",")[0]
                return self.standing("name", person), path.removeprefix(link)
        if found := re.search(r"/registrations/([0-9A-Z]{8})(/.*)?$", path):
            return self.standing("reference", found[1]), found[2]
        path = re.sub(r"/kinds/\w+/", "/kinds/(kind)/", path)
        return re.sub(r"[0-9a-f-]{36}", "(uuid)", path)

    def standing(self, column: str, value: str) -> object:
        query = (
            f"SELECT state, admission_id, seats FROM registrations WHERE {column} = ?"
        )
        return tuple(self.site.rows(query, value))

    def moment(self, name: str) -> Moment:
        return Moment(self.site, name, self.names)

    def look(
        self, moment: Moment, *, pages: tuple[str, ...] = (), everything: bool = False
    ) -> None:
        """Look at the public pages, everybody's own, and the organizer's (of those only
        what has one of `pages` in its address)."""
        event = f"/events/{self.slug}"
        public = [event, f"{event}.ics", "/", "/events.ics", "/events.atom"]
        public += ["/lost-mail", f"{event}?invitation=1ABC", "/health/live"]
        public += [event + self.invitation]
        public += [path for (path,) in self.site.rows("SELECT slug FROM series")]
        moment.walk(
            self.visitor,
            [path if path.startswith("/") else f"/series/{path}" for path in public],
            lambda path: path.startswith(("/events/", "/series/")),
        )
        walked: set[object] = set()
        for name, link in self.links.items():
            situation = name.endswith(", mailed"), self.situation(link)
            if situation in walked:
                moment.look(self.attendee, link)
            else:
                walked.add(situation)
                starts = [f"{link}/calendar.ics", f"{link}/coming"]
                moment.walk(
                    self.attendee,
                    [link, *starts],
                    lambda path, inside=f"{link}/": path.startswith(inside),
                )
        for path in self.others.values():
            if path.startswith(("/t/", "/u/")):
                moment.look(self.attendee, path)
            if path.startswith("/t/"):
                moment.look(self.attendee, f"{path}/calendar.ics")
        home = f"/organize/events/{self.slug}"
        people = f"{home}/registrations"
        starts = [home, people, f"{home}/seats", f"{home}/door", f"{home}/check-in"]
        starts += [f"{people}.csv", f"{people}.xlsx"]
        starts += [f"{home}/invitations", f"{home}/mailings", f"{home}/cancellation"]
        starts += [f"{people}?{query}" for query in FILTERS]
        starts += [f"{people}.csv?{query}" for query in FILTERS[:3]]
        starts += ["/organize/", "/organize/messages", "/organize/work"]
        wanted = pages or ("",)
        moment.walk(
            self.organizer,
            [path for path in starts if any(part in path for part in wanted)],
            lambda path: (
                path.startswith("/organize/")
                and any(part in path for part in wanted)
                and (everything or not self.is_shown(path))
            ),
        )
        self.shown |= {path for _, path in moment.seen}
        if everything:
            moment.walk(
                self.organizer,
                [f"{home}/messages/kinds"],
                lambda path: path.startswith(f"{home}/messages/"),
            )
            self.look_at_every_address(moment)

    def is_shown(self, path: str) -> bool:
        """Whether it is a page of a mail that an earlier moment has; they stay."""
        return "/messages/" in path and path in self.shown

    def look_at_every_address(self, moment: Moment) -> None:
        """The first thing of each kind at every address there is, by everybody."""
        first = {
            "slug": self.slug,
            "token": next(iter(self.links.values())).removeprefix("/r/"),
            "position": "1",
            "key": self.admissions[0],
            "kind": "confirmation",
            "reference": self.site.rows("SELECT reference FROM registrations")[0][0],
            "uuid": "00000000-0000-4000-8000-000000000000",
        }
        rules = {
            rule.rule
            for rule in self.site.app.url_map.iter_rules()
            if "GET" in (rule.methods or ()) and not rule.rule.startswith("/assets")
        }
        for rule in sorted(rules - {"/static/<path:filename>", "/health/ready"}):
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: first[part[1]], rule)
            for visitor in (self.visitor, self.organizer):
                moment.look(visitor, path)

    def look_at_the_door(self, moment: Moment) -> None:
        for path in ("/door/", self.others.get("pass", "/door/nothing")):
            moment.look(self.phone, path)
        for code in [*self.codes(), "1ABC", ""]:
            self.site.branch(lambda code=code: self.scan(moment, code))

    def scan(self, moment: Moment, code: str) -> None:
        for direction in ("in", "out"):
            clock.begin(f"scan {code} {direction}")
            scan = {
                "id": f"00000000-0000-4000-8000-0000000000{len(direction):02}",
                "code": code.replace(" ", ""),
                "index": None,
                "seq": len(direction),
                "epoch": 0,
                "at": clock.Clock.at.isoformat(),
                "offset_ms": 0,
                "direction": direction,
                "of": None,
            }
            answer = self.phone.client.post(
                "/door/api/scans", json={"scans": [scan]}, base_url=PUBLIC_URL
            )
            moment.write(f"phone/scan {code[:9]} {direction}", answer.text)

    def called_off(self) -> None:
        path = f"/organize/events/{self.slug}/cancellation"
        self.fill_in(self.organizer, path, path, why="The hall is flooded.")
        off = self.moment("called off")
        self.look(off)
        self.write_mails(off)

    def write_mails(self, moment: Moment) -> None:
        for number, mail in enumerate(moment.mails_after(0), 1):
            moment.write(f"mails/{number:03}", mail)

    def export(self, when: str) -> None:
        """What the commands for this event print."""
        moment = self.moment("commands")
        people = ["attendees", self.slug, "--format"]
        for words in (
            ["event", "export", self.slug],
            ["event", "list"],
            ["event", "list", "--json"],
            [*people, "csv"],
            [*people, "json"],
            ["check"],
            ["jobs"],
        ):
            run: Callable = self.site.app.test_cli_runner().invoke
            result = run(args=words)
            said = result.stdout_bytes.decode()
            moment.write(f"{when} {' '.join(words)}", f"{result.exit_code}\n{said}")


def at_the_door(page) -> bool:
    return (
        page.visitor.who == "phone"
        or page.path.endswith("/door")
        or "/check-in" in page.path
    )
