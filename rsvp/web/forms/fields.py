"""Fields: the kinds of input a form is made of, each with its reading and its checks.

A field keeps what was typed (`typed`, or `data` where things are ticked) to show it
again, whatever it was, and what that means (`data`) for whoever takes the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import StopValidation

from rsvp import walltime
from rsvp.domain import questions
from rsvp.text import mail_addresses, person_names, web_addresses
from rsvp.text.cleaning import (
    clean_answer,
    clean_lines,
    clean_name,
    one_line,
    trimmed_line,
)
from rsvp.text.mail_addresses import InvalidMailAddress, MailAddress
from rsvp.text.web_addresses import WebAddressMistake
from rsvp.web.forms.file_kinds import FileKind, UploadedFile, read_upload
from rsvp.web.forms.normalize import (
    EMAIL_MESSAGES,
    WEB_ADDRESS_MESSAGE,
    WEB_ADDRESS_MESSAGES,
)
from rsvp.web.forms.typed_field import TypedField

MAX_DIGITS = 9
MAX_ECHO = 40
"""Of what was typed instead of a number or a time, so much comes back."""
EARLIEST_YEAR, LATEST_YEAR = 2000, 2200
OVER_MESSAGE = _l("This time is over. Choose a later one.")
LONG_AGO_MESSAGE = _l("This is too long ago. Choose a later time.")


# --- text ---------------------------------------------------------------------------


class Hidden(TypedField):
    """What a form sends without showing it."""

    kind = "hidden"


class Line(TypedField):
    """A line of text; `data` has single spaces, and none around it."""


class Text(TypedField):
    """Several lines of text; `data` has line ends, but no other control characters."""

    kind = "lines"

    def __init__(self, label: Any = "", *, rows: int = 4, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.rows = rows

    def clean(self, text: str) -> str:
        return clean_lines(text)


class PersonName(TypedField):
    """A person's name, in any script."""

    missing = _l("Enter a name.")
    label_in_mistakes = False

    def __init__(self, label: Any = "", **kwargs: Any) -> None:
        super().__init__(label, max_length=person_names.MAX_LENGTH, **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            limit = person_names.MAX_LENGTH
            name = clean_name(valuelist[0][: limit * 8])
            self.data = self.typed = name[: limit + 1]

    def find_mistake(self, form: Any) -> Any:
        if mistake := super().find_mistake(form):
            return mistake
        has_address = person_names.has_web_address(self.typed)
        return WEB_ADDRESS_MESSAGE if has_address else ""

    def too_long_message(self, longest: int) -> str:
        return _("Shorten this name to %(most)d characters.", most=longest)


class Email(TypedField):
    """A mail address; `data` is how people write it, `address` has its key too."""

    kind = "email"
    missing = EMAIL_MESSAGES[mail_addresses.AddressMistake.EMPTY]
    label_in_mistakes = False
    address: MailAddress | None = None
    mistake: Any = ""

    def __init__(self, label: Any = "", **kwargs: Any) -> None:
        super().__init__(label, max_length=mail_addresses.MAX_LENGTH, **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        limit = mail_addresses.MAX_LENGTH + 1
        self.typed = clean_answer(valuelist[0][: limit * 2])[:limit]
        self.data, self.address, self.mistake = "", None, ""
        try:
            self.address = mail_addresses.parse_mail_address(self.typed)
            self.data = self.address.text
        except InvalidMailAddress as wrong:
            self.mistake = EMAIL_MESSAGES[wrong.slip]

    @property
    def key(self) -> str:
        """The same for each spelling of the address; empty where it is none."""
        return self.address.key if self.address else ""

    def find_mistake(self, form: Any) -> Any:  # noqa: ARG002
        return self.mistake


class WebAddress(TypedField):
    """An address that a page may link to: http or https, nothing else."""

    kind = "web"

    def __init__(self, label: Any = "", **kwargs: Any) -> None:
        kwargs.setdefault("max_length", web_addresses.MAX_LENGTH)
        super().__init__(label, **kwargs)

    def clean(self, text: str) -> str:
        return trimmed_line(text)

    def find_mistake(self, form: Any) -> Any:
        if mistake := super().find_mistake(form):
            return mistake
        wrong = web_addresses.find_mistake(self.typed)
        return WEB_ADDRESS_MESSAGES[WebAddressMistake(wrong)] if wrong else ""


# --- numbers and times --------------------------------------------------------------


class WholeNumber(TypedField):
    """A whole number from `low` to `high`; None where nothing or none was typed."""

    kind = "number"

    def __init__(
        self,
        label: Any = "",
        *,
        low: int,
        high: int,
        wrong: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("max_length", MAX_DIGITS)
        super().__init__(label, **kwargs)
        self.low, self.high, self.wrong = low, high, wrong

    def process_data(self, value: int | None) -> None:
        self.data = value
        self.typed = "" if value is None else str(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            text = trimmed_line(valuelist[0][: questions.MAX_TEXT_LENGTH])
            self.data, self.typed = self.parse(text), text[:MAX_ECHO]

    def parse(self, text: str) -> int | None:
        # `isdecimal` alone would take digits of every script, and `int` a number as
        # long as a book.
        if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
            return None
        return int(text) if self.low <= int(text) <= self.high else None

    def pre_validate(self, form: Any) -> None:
        if self.data is None and (self.typed or self.flags.required):
            raise StopValidation(self.wrong or self.range_message())
        super().pre_validate(form)

    def range_message(self) -> str:
        return _(
            "Write a whole number from %(low)s to %(high)s.",
            low=f"{self.low:,}",
            high=f"{self.high:,}",
        )

    def find_mistake(self, form: Any) -> Any:  # noqa: ARG002
        return ""


class LocalTime(TypedField):
    """A day and a time by the clocks of the form's `zone`; `data` is the instant (UTC).

    With `in_future` it must come after the form's `now`. What stood there before and
    comes back as it was is the same instant, also where clocks show it twice.
    """

    kind = "time"
    missing = _l("Write a day and a time.")

    def __init__(
        self, label: Any = "", *, in_future: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.in_future = in_future
        self.mistake: Any = ""

    def process_data(self, value: datetime | None) -> None:
        self.data = value
        self.typed = self.wall_text(value) if value else ""

    def wall_text(self, at: datetime) -> str:
        return f"{at.astimezone(self._form.zone):%Y-%m-%dT%H:%M}"

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        before = (self.typed, self.data)
        text = trimmed_line(valuelist[0][: questions.MAX_TEXT_LENGTH])
        self.data, self.typed, self.mistake = None, text[:MAX_ECHO], ""
        if text and text == before[0]:
            self.data = before[1]
        elif text:
            try:
                self.data = self.parse(text)
            except ValueError as wrong:
                self.mistake = wrong.args[0]

    def parse(self, text: str) -> datetime:
        """The instant of a wall time. Raises ValueError with words for who typed it."""
        too_early = OVER_MESSAGE if self.in_future else LONG_AGO_MESSAGE
        return parse_wall_time(
            text, self._form.zone, too_early=too_early, no_time=self.missing
        )

    def find_mistake(self, form: Any) -> Any:
        if self.mistake:
            return self.mistake
        is_over = self.in_future and self.data is not None and self.data <= form.now
        return OVER_MESSAGE if is_over else ""


def parse_wall_time(
    text: str,
    zone: ZoneInfo,
    *,
    earliest_year: int = EARLIEST_YEAR,
    too_early: Any = LONG_AGO_MESSAGE,
    no_time: Any = LocalTime.missing,
) -> datetime:
    """Return the instant of a wall time by the clocks of `zone`. Raises ValueError with
    words for who typed it; `too_early` and `no_time` are some of them."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(no_time) from None
    if wall.tzinfo is not None:
        raise ValueError(no_time)
    if wall.year >= LATEST_YEAR:
        raise ValueError(_l("This is too far off. Choose an earlier time."))
    if wall.year < earliest_year:
        raise ValueError(too_early)
    try:
        return walltime.instant(wall, zone)
    except walltime.NoSuchTimeError:
        message = _l("The clocks skip this time. Choose an hour later.")
        raise ValueError(message) from None
    except walltime.TimeTwiceError:
        message = _l("The clocks show this time twice. Choose an hour later.")
        raise ValueError(message) from None


# --- choices ------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One of several things to choose; in a list those of one `group` stand together
    under its name."""

    value: str
    label: Any
    group: str = ""


class Choice(TypedField):
    """One of the options; `data` is its value, empty where none is chosen. `as_list`:
    they unfold from a line, which says `empty_label` where none is chosen."""

    kind = "choice"
    missing = _l("Choose one of the options.")

    def __init__(
        self,
        label: Any = "",
        *,
        options: Sequence[Option] = (),
        as_list: bool = False,
        empty_label: Any = "",
        unknown: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("max_length", questions.MAX_TEXT_LENGTH)
        super().__init__(label, **kwargs)
        self.options = tuple(options)
        self.empty_label = empty_label
        self.unknown = unknown
        if as_list:
            self.kind = "list"

    @property
    def grouped_options(self) -> list[tuple[str, list[Option]]]:
        groups: dict[str, list[Option]] = {}
        for option in self.options:
            groups.setdefault(option.group, []).append(option)
        return list(groups.items())

    def find_mistake(self, form: Any) -> Any:  # noqa: ARG002
        is_option = any(option.value == self.typed for option in self.options)
        return "" if is_option else self.unknown or self.missing


class Choices(TypedField):
    """Several of the options; `data` is a list, in their order."""

    kind = "choices"
    missing = _l("Tick at least one.")

    def __init__(
        self,
        label: Any = "",
        *,
        options: Sequence[Option] = (),
        unknown: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.options = tuple(options)
        self.unknown = unknown

    @property
    def is_empty(self) -> bool:
        return not self.data

    def process_data(self, value: Any) -> None:
        self.data: list[str] = list(value or [])

    def process_formdata(self, valuelist: list[str]) -> None:
        limit = len(self.options) + 1
        texts = [
            clean_answer(text[: questions.MAX_TEXT_LENGTH])
            for text in dict.fromkeys(valuelist[: limit * 2])
        ]
        known = [o.value for o in self.options if o.value in texts]
        self.data = known + [text for text in texts if text and text not in known]

    def find_mistake(self, form: Any) -> Any:  # noqa: ARG002
        known = {option.value for option in self.options}
        if known.issuperset(self.data):
            return ""
        return self.unknown or _("Choose one of the options.")


class YesNo(Choice):
    """Yes or no; `data` is true, false or, where nothing is chosen, None."""

    kind = "yes_no"
    missing = _l("Choose an answer.")

    def __init__(self, label: Any = "", **kwargs: Any) -> None:
        options = (
            Option(questions.YES, _l("Yes")),
            Option(questions.NO, _l("No")),
        )
        super().__init__(label, options=options, **kwargs)

    def process_data(self, value: bool | None) -> None:
        self.data = value
        texts = {True: questions.YES, False: questions.NO}
        self.typed = "" if value is None else texts[value]

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if valuelist:
            meanings = {questions.YES: True, questions.NO: False}
            self.data = meanings.get(self.typed)


class Box(TypedField):
    """A box to tick; `data` is true or false."""

    kind = "box"
    missing = _l("Tick this box to go on.")
    label_in_mistakes = False

    @property
    def is_empty(self) -> bool:
        return not self.data

    def process_data(self, value: Any) -> None:
        self.data: bool = bool(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = any(text not in ("", "0", "false") for text in valuelist)


# --- files --------------------------------------------------------------------------


class File(TypedField):
    """A file of one of these kinds, by its content, of at most `max_bytes`; `data` is
    an `UploadedFile`, or None. Browsers don't send it again: a form that comes back
    asks for it anew."""

    kind = "file"
    missing = _l("Choose a file.")

    def __init__(
        self,
        label: Any = "",
        *,
        kinds: tuple[FileKind, ...],
        max_bytes: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.kinds, self.max_bytes = kinds, max_bytes
        self.mistake: Any = ""

    @property
    def accept(self) -> str:
        return ",".join(dict.fromkeys(kind.accept for kind in self.kinds))

    def process_data(self, value: Any) -> None:  # noqa: ARG002
        self.data: UploadedFile | None = None

    def process_formdata(self, valuelist: list[str]) -> None:  # noqa: ARG002
        sent = self._form.files.get(self.name)
        # Where none is chosen, browsers send an empty one without a name.
        if sent is None or not sent.filename:
            return
        self.typed = one_line(sent.filename)[:MAX_ECHO] or "?"
        try:
            self.data = read_upload(sent.stream, self.typed, self.kinds, self.max_bytes)
        except ValueError as wrong:
            self.mistake = wrong.args[0]

    def find_mistake(self, form: Any) -> Any:  # noqa: ARG002
        return self.mistake
