"""The long proof of the scanner's script: many random evenings, in node."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.paths import ROOT
from tests.support import services

SCRIPTS = ROOT / "tests" / "js"
EVENINGS = 400


@pytest.mark.soak
def test_nobody_is_let_in_unseen_in_many_evenings() -> None:
    services.need("node")
    name = "--test-name-pattern=nobody is let in unseen"
    command = ["node", "--test", name, str(SCRIPTS / "scan-controller.test.mjs")]

    done = subprocess.run(
        command,
        env=os.environ | {"SEEDS": str(EVENINGS), "FIRST_SEED": "1000"},
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert f"in {EVENINGS} random evenings" in done.stdout
    assert done.returncode == 0, done.stdout[-3000:]
