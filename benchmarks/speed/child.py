"""Programs that measure something and write it to a file; each has a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def measured(
    module: str,
    *arguments: object,
    python: Path | str = sys.executable,
    environment: Mapping[str, str | None] | None = None,
) -> Any:
    """What ``python -m module arguments --out FILE`` writes to that file, as JSON.

    Parameters
    ----------
    module : str
    *arguments
        Of the program.
    python : Path or str
    environment : mapping, optional
        Variables beside those of this process; None takes one of these away.

    Raises
    ------
    RuntimeError
        If the program fails; with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "measured.json"
        command = [str(python), "-m", module, *map(str, arguments), "--out", str(out)]
        # Waiting threads sleep, as in the engine.
        variables = {**os.environ, "OMP_WAIT_POLICY": "passive", **(environment or {})}
        answer = subprocess.run(
            command,
            cwd=REPOSITORY,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if answer.returncode or not out.exists():
            said = (answer.stdout + answer.stderr)[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {answer.returncode}:\n{said}")
        return json.loads(out.read_text(encoding="utf-8"))
