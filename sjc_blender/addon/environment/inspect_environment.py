"""Run by the environment's own Python: looks whether its packages are whole, and can be imported.

Prints one JSON object, the last line on stdout: ``damaged`` (names of packages that miss files), ``failures``
(module to why it cannot be imported), ``python`` and ``torch`` (versions). Imports nothing of the add-on.
"""

import importlib
import importlib.metadata
import json
import os
import platform
import sys


def damaged() -> list[str]:
    """Give the packages of which a file is missing or has another size than when it was installed."""
    found = []
    for package in importlib.metadata.distributions():
        name = package.metadata["Name"]
        # Bytecode comes and goes as Python likes.
        files = [file for file in package.files or () if file.suffix != ".pyc"]
        if name is None or not files or any(not _whole(file) for file in files):
            found.append(name or str(package.locate_file("")))
    return sorted(set(found))


def _whole(file: importlib.metadata.PackagePath) -> bool:
    try:
        size = os.stat(file.locate()).st_size  # noqa: PTH116  # a path of any kind
    except OSError:
        return False
    return file.size is None or file.size == size


def failures(modules: list[str]) -> dict[str, str]:
    """Import the modules; give those that fail, and why."""
    found = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a broken package raises
            found[name] = f"{type(error).__name__}: {error}"
    return found


def torch_version() -> str:
    """Give the installed torch's version, without importing it."""
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
