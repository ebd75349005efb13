"""Folding: what somebody types on any keyboard finds the name as it is written."""

from rsvp.text.search import folded, search_text
from tests.support.for_each import for_each


@for_each(
    ("written", "typed"),
    [
        ("Zoë", "Zoe"),
        ("Zoe\u0308", "zoë"),
        ("Ödegård", "odegard"),
        ("Øystein", "oystein"),
        ("Æsa", "aesa"),
        ("Łukasz", "lukasz"),
        ("Straße", "STRASSE"),
        ("İpek", "ipek"),
        ("Νίκος", "ΝΙΚΟΣ"),
        ("Åsa  Bell", "asa bell"),
        ("O’Hara", "o'hara"),
        ("ﬁnn", "finn"),
        ("Ａda", "ada"),
        ("Jose\u0301", "josé"),
    ],
)
def test_what_is_typed_finds_what_is_written(written, typed):
    assert folded(written) == folded(typed)


@for_each("name", ["مریم", "李雷", "Zoë", "🜁", ""])
def test_folding_twice_changes_nothing(name):
    assert folded(folded(name)) == folded(name)


def test_other_scripts_keep_their_letters():
    assert folded("李雷") == "李雷"
    assert folded("Ёлка") == folded("елка")


def test_a_registration_is_found_by_reference_address_and_every_name():
    text = search_text("8J2KQ0X1", "Zoe@Example.org", ["Zoë Ωmega", None, "Ada"])

    assert text == "8j2kq0x1\nzoe@example.org\nzoe ωmega\nada"
