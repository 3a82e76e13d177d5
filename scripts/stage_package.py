"""Lay out in one folder what the extension's zip is to hold.

Blender wants the manifest beside the package's `__init__.py`; in the repository it stands one folder above.

    stage_package.py FOLDER [WEBSITE]

WEBSITE is the address of whoever publishes this package. The manifest of the repository names none, because a fork is
published elsewhere.
"""

import re
import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
BESIDE_THE_PACKAGE = (
    "blender_manifest.toml",
    "LICENSE",
    "requirements/engine.txt",
    "requirements/torch.txt",
    "requirements/farm.txt",
    "requirements/tools.txt",
)
# Bytecode, backups and what editors and systems leave behind. Names with a leading dot are theirs too.
WEBSITE = re.compile(r"https?://[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[!#-;=?-\[\]-~]*)?", re.IGNORECASE)
"""An address without spaces, quotes, angle brackets and backslashes, and in ASCII."""

NEVER = shutil.ignore_patterns("__pycache__", "*.py[co]", "*.blend[0-9]", "*~", ".*")


def stage(folder: Path) -> None:
    """Make `folder` anew, with the package's files in it."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(REPOSITORY / "sjc_blender", folder, ignore=NEVER)
    for name in BESIDE_THE_PACKAGE:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name)


def name_website(manifest: Path, address: str) -> None:
    """Write an address into a staged manifest; Blender shows it beside the add-on."""
    if not WEBSITE.fullmatch(address):
        raise SystemExit(f"WEBSITE is {address!r}; allowed: an address such as https://example.org/sjc")
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("\nmaintainer =", f'\nwebsite = "{address}"\nmaintainer =', 1), encoding="utf-8")


if __name__ == "__main__":
    place, *website = sys.argv[1:]
    stage(Path(place))
    for address in filter(None, website):
        name_website(Path(place) / "blender_manifest.toml", address)
