# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by the environment's own Python: checks that its packages are complete and can be imported.

Prints one JSON object, the last line on stdout: ``damaged`` (names of packages that miss files), ``failures``
(module to why it cannot be imported), ``python`` and ``torch`` (versions). Imports nothing of the add-on.
"""

import csv
import importlib
import importlib.metadata
import json
import platform
import sys
from pathlib import Path


def damaged() -> list[str]:
    """Return the packages of which a file is missing or has another size than when it was installed."""
    found = []
    for package in importlib.metadata.distributions():
        name = package.metadata["Name"]
        # Not package.files, which passes over what is missing.
        record = list(csv.reader((package.read_text("RECORD") or "").splitlines()))
        if name and (not record or any(not _whole(package, *row) for row in record)):
            found.append(name)
    return sorted(set(found))


def _whole(package: importlib.metadata.Distribution, name: str, _hash: str = "", size: str = "") -> bool:
    if name.endswith(".pyc"):
        return True  # bytecode comes and goes as Python likes
    try:
        found = Path(str(package.locate_file(name))).stat().st_size
    except OSError:
        return False
    return not size or int(size) == found


def failures(modules: list[str]) -> dict[str, str]:
    """Import the modules; return those that fail, with the reasons."""
    found = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a broken package raises
            found[name] = f"{type(error).__name__}: {error}"
    return found


def torch_version() -> str:
    """Return the installed torch's version, without importing it."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    found = {
        "damaged": damaged(),
        "failures": failures(sys.argv[1:]),
        "python": platform.python_version(),
        "torch": torch_version(),
    }
    sys.stdout.write("\n" + json.dumps(found) + "\n")
