"""Lay out in one folder what the extension's zip is to hold.

Blender wants the manifest beside the package's `__init__.py`; in the repository it stands one folder above.

    stage_package.py FOLDER
"""

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
NEVER = shutil.ignore_patterns("__pycache__", "*.py[co]", "*.blend[0-9]", "*~", ".*")


def stage(folder: Path) -> None:
    """Make `folder` anew, with the package's files in it."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(REPOSITORY / "sjc_blender", folder, ignore=NEVER)
    for name in BESIDE_THE_PACKAGE:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name)


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
