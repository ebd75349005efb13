"""An evening that no acceptance event has: by invitation, with every question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.record.evenings import Evening
from tests.record.product import make_event
from tests.record.site import new_site


def record(folder: Path) -> None:
    with new_site(folder, MAIL_SERVER="mail.example.org") as site:
        MadeEvening(site, "made").run()


class MadeEvening(Evening):
    """An event with what no acceptance event has: every kind of question, people who
    must be invited, and who are asked whether they still come."""

    def publish(self) -> Any:
        questions = [
            {"key": "diet", "per": "attendee"},
            {"key": "why", "type": "long_text", "required": True},
            {"key": "table", "type": "choice", "options": ["Long", "Round"]},
            {"key": "help", "type": "choices", "options": ["Cooking", "Chairs"]},
            {"key": "first", "type": "yes_no", "per": "attendee"},
        ]
        return make_event(
            {"key": "hall", "name": "In person", "capacity": 12},
            {"key": "web", "name": "Webinar", "mode": "online", "capacity": None},
            questions=tuple(questions),
            consents=({"key": "photos", "required": True}, {"key": "news"}),
            slug="house-concert",
            title="House <concert> & “soup”",
            summary="At one long table.",
            description="We eat *first*, then read.\n\n- Bring a letter",
            venue_name="The Boat House",
            venue_address="Quay 1\n1234 AB Harbour",
            join_url="https://meet.example.org/house-concert",
            also_show=["Asia/Tokyo", "America/New_York"],
            agenda=[
                {"at": "18:00", "title": "Soup"},
                {"at": "19:00", "title": "Songs"},
            ],
            visibility="invitation",
            promotion="offer",
            ask_hours=24 * 12,
            answer_hours=24 * 10,
        )
