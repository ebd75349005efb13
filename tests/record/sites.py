"""Pages of a whole site: its lists, accounts, roles, demo data, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.record import clock
from tests.record.files import answer_text, body_text, write
from tests.record.product import (
    EVENT_FILES,
    PASSWORD,
    db,
    first_account_link,
    import_case,
    make_event,
    make_user,
    run_due_jobs,
)
from tests.record.site import PUBLIC_URL, Site, new_site
from tests.record.visits import FROM_HERE, Moment, Visitor

ROLES = ("owner", "organizer", "door_host", "viewer")
LISTS = ("/", "/events.ics", "/events.atom", "/lost-mail", "/health/live")


def sign_in(site: Site, email: str) -> Visitor:
    visitor = Visitor(email.partition("@")[0], site.browser())
    path = "/organize/sign-in"
    clock.begin(f"sign in {email}")
    [token] = re.findall(
        r'name="csrf_token"[^>]*value="([^"]+)"', visitor.get(path).text
    )
    sent = {"email": email, "password": PASSWORD, "csrf_token": token}
    visitor.post(path, {name: [value] for name, value in sent.items()})
    return visitor


# --- everything at once -------------------------------------------------------------


def record_lists(folder: Path) -> None:
    """All acceptance events and a draft on one site, as each role sees them."""
    with new_site(folder) as site:
        clock.begin("lists")
        with site.app.app_context():
            for file in sorted(EVENT_FILES.glob("*.yaml")):
                import_case(file.stem, now=clock.START)
            make_event(slug="draft", title="A draft", status="draft")
            for role in ROLES:
                make_user(f"{role}@example.org", role=role)
            make_user("stranger@example.org", team="bakers")
            db.session.remove()
        for number, day in enumerate(("2027-01-15", "2027-03-01", "2027-12-01")):
            clock.set_time(clock.START.fromisoformat(f"{day}T12:00:00+00:00"))
            moment = Moment(site, day, {})
            is_own = ("/events/", "/series/") if number == 0 else ("/series/",)
            visitor = Visitor("visitor", site.browser())
            moment.walk(visitor, LISTS, lambda path, own=is_own: path.startswith(own))
            for role in (*ROLES, "stranger") if number == 0 else ROLES[:1]:
                here = sign_in(site, f"{role}@example.org")
                event = "/organize/events/letters-and-soup"
                moment.walk(
                    here,
                    ["/organize/", "/organize/messages", "/organize/work", event],
                    lambda path, event=event: path.startswith(event),
                )
                for noun in ("seats", "door", "check-in", "mailings", "invitations"):
                    moment.look(here, f"{event}/{noun}")
                moment.look(here, f"{event}/registrations.csv")
        work(site, "2027-12-01 worked")
        clock.set_time(clock.START)
        here, moment = sign_in(site, "owner@example.org"), Moment(site, "published", {})
        for slug in ("draft", "letters-and-soup"):
            moment.look(here, f"/organize/events/{slug}")
        moment.send_all()


def work(site: Site, name: str) -> None:
    """What the background has to say once it has run, and once a job has failed."""
    with site.app.app_context():
        run_due_jobs(clock.Clock.at, early=True)
        db.session.remove()
    site.change(
        "UPDATE jobs SET failures = 3, last_error = 'KeyError' WHERE name = 'ask'"
    )
    here = sign_in(site, "owner@example.org")
    Moment(site, name, {}).look(here, "/organize/work")
    said = site.app.test_cli_runner().invoke(args=["jobs"]).output
    write(site.folder, f"{name}/jobs", said)


# --- demo data ----------------------------------------------------------------------


def record_demo(folder: Path) -> None:
    with new_site(folder) as site:
        clock.begin("demo")
        said = site.app.test_cli_runner().invoke(args=["demo"]).output
        write(folder, "demo", said)
        with site.app.app_context():
            make_user("owner@example.org")
            db.session.remove()
        moment = Moment(site, "loaded", {})
        moment.walk(
            Visitor("visitor", site.browser()),
            LISTS,
            lambda path: path.startswith(("/events/", "/series/")),
        )
        here = sign_in(site, "owner@example.org")
        moment.look(here, "/organize/")
        for (slug,) in site.rows("SELECT slug FROM events ORDER BY id"):
            home = f"/organize/events/{slug}"
            for noun in ("", "/registrations", "/registrations?page=2", "/seats"):
                moment.look(here, home + noun)
            moment.look(here, f"{home}/registrations.csv")
            clock.begin(f"export {slug}")
            for words in (["event", "export", slug], ["attendees", slug, "--json"]):
                result = site.app.test_cli_runner().invoke(args=words)
                write(folder, " ".join(words), body_text(result.stdout_bytes))


# --- accounts -----------------------------------------------------------------------


def record_accounts(folder: Path) -> None:
    """The first account, signing in, another password, with what may be wrong there."""
    with new_site(folder, MAIL_SERVER="mail.example.org") as site:
        visitor = Visitor("visitor", site.browser())
        clock.begin("first link")
        with site.app.app_context():
            first = first_account_link(clock.Clock.at).removeprefix(PUBLIC_URL)
        nobody = Moment(site, "nobody has an account", {first.split("/")[-1]: "token"})
        for path in (first, "/organize/sign-in", "/organize/", "/organize/password"):
            nobody.look(visitor, path)
        nobody.send_all()

        with site.app.app_context():
            make_user("zoe.quill@example.org")
            db.session.remove()
        somebody = Moment(site, "somebody has", nobody.names)
        paths = ("/organize/sign-in", "/organize/password", first, "/organize/")
        for path in (*paths, "/organize/password/1.2.3"):
            somebody.look(visitor, path)
        somebody.send_all()
        here = sign_in(site, "zoe.quill@example.org")
        signed_in = Moment(site, "signed in", nobody.names)
        for path in ("/organize/", *paths):
            signed_in.look(here, path)
        signed_in.send_all()

        clock.begin("another password")
        page = visitor.get("/organize/password").text
        [token] = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        fields = {"email": ["zoe.quill@example.org"], "csrf_token": [token]}
        visitor.post("/organize/password", fields)
        reset = Moment(site, "another password", nobody.names)
        [mail] = reset.mails_after(0)
        reset.write("mail", mail)
        for link in re.findall(r"/organize/password/([\w.-]+)", mail)[:1]:
            reset.names[link] = "token"
            reset.look(visitor, f"/organize/password/{link}")
        reset.send_all()


# --- refusals -----------------------------------------------------------------------

ODD: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("nowhere", "GET", "/nowhere", {}),
    ("no event", "GET", "/events/nothing", {}),
    ("no event's file", "GET", "/events/nothing.ics", {}),
    ("no ticket", "GET", "/t/nothing", {}),
    ("no registration", "GET", "/r/nothing", {}),
    ("no pass", "GET", "/door/nothing", {}),
    ("no phone", "GET", "/door/", {}),
    ("no phone, scanning", "POST", "/door/api/scans", {"json": {"scans": []}}),
    ("no phone, typing", "POST", "/door/scans", {"data": {"code": "1ABC"}}),
    ("a NUL", "GET", "/events/a%00b", {}),
    ("a slash too many", "GET", "/events/letters-and-soup/", {}),
    ("a slash too few", "GET", "/organize", {}),
    ("another method", "POST", "/events/letters-and-soup", {}),
    ("a method of nobody", "PUT", "/", {}),
    ("a head", "HEAD", "/events/letters-and-soup", {}),
    ("options", "OPTIONS", "/events/letters-and-soup", {}),
    ("json wanted", "GET", "/nowhere", {"headers": {"Accept": "application/json"}}),
    ("compressed", "GET", "/", {"headers": {"Accept-Encoding": "gzip"}}),
    ("known", "GET", "/", {"headers": {"If-None-Match": "*"}}),
    ("an empty form", "POST", "/events/letters-and-soup/registrations", {"data": {}}),
    ("no token", "POST", "/lost-mail", {"data": {"email": "zoe@example.org"}}),
    ("too large", "POST", "/lost-mail", {"data": {"email": "x" * 400_000}}),
    (
        "from elsewhere",
        "POST",
        "/events/letters-and-soup/registrations",
        {"data": {"name": "Zoë"}, "headers": {"Sec-Fetch-Site": "cross-site"}},
    ),
    ("signed out", "POST", "/organize/events/letters-and-soup/pause", {"data": {}}),
    ("no password", "POST", "/organize/sign-in", {"data": {"email": "zoe"}}),
)


def record_refusals(folder: Path) -> None:
    with new_site(folder, FORM_LIMIT="3 per minute") as site:
        clock.begin("refusals")
        with site.app.app_context():
            import_case("letters-and-soup", now=clock.START)
            make_user("owner@example.org")
            db.session.remove()
        for name, method, path, sent in ODD:
            site.branch(lambda sent=sent, of=(name, method, path): ask(site, *of, sent))
        here = sign_in(site, "owner@example.org")
        for noun in ("pause", "publication/end", "cancellation"):
            path = f"/organize/events/letters-and-soup/{noun}"
            answer = here.post(path, {"csrf_token": ["stale"]})
            write(folder, f"stale {noun}", answer_text(answer))
        for number in range(5):
            path = "/events/letters-and-soup/registrations"
            ask(site, f"again and again {number}", "POST", path, {"data": {}})


def ask(site: Site, name: str, method: str, path: str, sent: dict[str, Any]) -> None:
    clock.begin(f"ask {name}", passing=0)
    sent = {"headers": FROM_HERE} | sent
    client = site.browser()
    answer = client.open(path, method=method, base_url=PUBLIC_URL, **sent)
    write(site.folder, name, f"{method} {path}\n\n{answer_text(answer)}")
