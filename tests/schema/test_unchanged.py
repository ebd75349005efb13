"""A migration that is on main never changes: databases have been made by it."""

from __future__ import annotations

import pytest

from tests.paths import MIGRATIONS
from tests.schema.edited_migrations import digest, text_of

# sha256 of each migration on main, its lines ended by \n. A new one adds its line.
DIGESTS = {
    "0001_first_tables.py": (
        "98f40359ce46ccf0c54bfa927d94eda33adc5ca791359bd3d41ed7cc2b6321fc"
    ),
    "0002_accounts_and_the_door.py": (
        "a0c1a087b12b3f62e0a582f16a60b3cce375f950846a9de004aa282ff68fa551"
    ),
    "0003_lists.py": (
        "dfe7f41c01401321602f4f9cb86c37ceece3f025d9490c9fb2a59d8603aa1558"
    ),
    "0004_seats_parties_and_the_line.py": (
        "995c5ce0be73e56d85a424c357b4a7144a216d2547889c4f2367f137184988bc"
    ),
    "0005_messages_that_arrive.py": (
        "95c2c2e71dbaeea5ed745badfe07e28560070220c76cf7c6b54eade5c4d21321"
    ),
    "0006_what_older_forms_lack.py": (
        "fb3def63613751a326957a9cdd7fa7d7a598fb3c555f111f7f95e92f4e056958"
    ),
    "0007_clocks_and_workers.py": (
        "376b28059edd5cb8c5846d9cf81a1c9149b24a93f87ad65ee1c2d1312cf23015"
    ),
    "0008_addresses_by_lower_case.py": (
        "6c495759077669d4c514005e0c383b6694e171ef50c4971cec2f3797583e0317"
    ),
    "0009_phones_that_came_back.py": (
        "5141fda21bfd4927d621b6c21d114acbd217515fd0658ecd53153a4be00b6255"
    ),
    "0010_who_has_proved_their_address.py": (
        "32c490c9d6bb8e207822031398e85fb058ebf1ab90226f9cca708d655f498dff"
    ),
}

CHANGED = """
migrations/versions/{file} is not what databases have been made by.
Put it back (git checkout main -- migrations/versions/{file}) and write a new migration
for what should be different; CONTRIBUTING.md, "Changing the database", says how.
"""
NEW = """
migrations/versions/{file} is new here. Once it is as it shall stay, add to DIGESTS:
    "{file}": (
        "{digest}"
    ),
From then on it does not change.
"""
GONE = """
migrations/versions/{file} is gone, and databases have been made by it. Put it back.
"""


def complaint(file: str) -> str | None:
    """What is wrong with a migration and what to do, or None."""
    path = MIGRATIONS / "versions" / file
    if not path.exists():
        return GONE.format(file=file)
    found = digest(text_of(path))
    if file not in DIGESTS:
        return NEW.format(file=file, digest=found)
    return CHANGED.format(file=file) if found != DIGESTS[file] else None


def test_no_migration_differs_from_what_databases_were_made_by():
    there = {path.name for path in (MIGRATIONS / "versions").glob("*.py")}

    wrong = [complaint(file) for file in sorted(there | DIGESTS.keys())]

    assert not any(wrong), "".join(filter(None, wrong))


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_the_line_ends_of_a_checkout_do_not_count(tmp_path, ends):
    file = tmp_path / "0099_one.py"
    file.write_bytes(ends.join((b'revision = "0099"', b"")))

    assert text_of(file) == 'revision = "0099"\n'
