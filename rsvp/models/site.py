"""The site: the fingerprint of the key that codes are derived from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rsvp.db import Base, UtcDateTime, utcnow


class CodeKey(Base):
    """The fingerprint of the key that codes are derived from. A process with another
    key must not start: its tickets would be unknown at the door."""

    __tablename__ = "code_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
