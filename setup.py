"""Building: a wheel has inside the package what a checkout has beside it."""

import shutil
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py

# `rsvp.config.FILES` finds them in either place. Translations come with the second
# language.
SHIPPED = ("templates", "static", "migrations", "translations")


class build_with_files(build_py):  # noqa: N801 - commands are named like this
    """Copies the folders of `SHIPPED` into the package; an editable install reads them
    where they are."""

    def run(self) -> Any:
        if self.editable_mode:
            return super().run()
        package = Path(self.build_lib) / "rsvp"
        # What an earlier build left, and the checkout has no longer, is not shipped.
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        for folder in SHIPPED:
            for source in sorted(Path(folder).rglob("*")):
                if source.is_file() and is_ours(source):
                    target = package / source
                    self.mkpath(str(target.parent))
                    self.copy_file(str(source), str(target))
        return None


def is_ours(file: Path) -> bool:
    """Whether a file is the project's, and not what Python or an editor left."""
    return not file.name.endswith("~") and not any(
        part.startswith((".", "__pycache__")) for part in file.parts
    )


setup(cmdclass={"build_py": build_with_files})
