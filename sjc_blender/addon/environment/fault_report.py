# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a bug report: versions, the diagnosis, logs. Knows no bpy."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from pathlib import Path

from ...protocol.diagnosis import Diagnosis

LOG_BYTES = 1_000_000
"""Of the end of a log that are read; one may have any length."""

LOG_LETTERS = 20_000
"""Of the end of a log."""

PATH, PROMPT, USER = "<path>", "<prompt>", "<user>"

_PATHS = re.compile(
    r"""
    (?<![\w<>/.])(?:file://)?                     # not inside a word, an address, or what was put in already
    (?: ~?/(?=[\w.~-])[^\s'"`,;:|)\]}]*           # /home/me/file, ~/file
      | [A-Za-z]:[\\/][^\s'"`,;:|)\]}]*            # C:\Users\me\file
      | \\\\[^\s'"`,;|)\]}]+                      # \\server\share
    )
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r"""(['"])(?=(?:~?/|[A-Za-z]:[\\/]|\\\\))[^'"\n]*\1""")
"""A path in quotes may have spaces in it."""


def fault_report(
    versions: Sequence[tuple[str, str]], diagnosis: Diagnosis | None, logs: Sequence[tuple[str, str]]
) -> str:
    """Return the report's text.

    Parameters
    ----------
    versions : sequence of (name, value)
    diagnosis : Diagnosis or None
        What the last check found.
    logs : sequence of (title, text)
    """
    parts = ["\n".join(f"{name}: {value}" for name, value in versions)]
    if diagnosis is None:
        parts.append("Check: not made in this session")
    else:
        lines = (f"{'ok' if found.works else 'FAULT'}  {found.subject}: {found.text}" for found in diagnosis.findings)
        parts.append("Check\n" + "\n".join(lines))
    parts += [f"{title}\n{text[-LOG_LETTERS:].strip()}" for title, text in logs if text.strip()]
    return "\n\n".join(parts) + "\n"


def without_names(text: str, folders: Sequence[str], prompts: Sequence[str]) -> str:
    """Remove private data from a text: paths, prompts, and the user's name.

    Parameters
    ----------
    folders : sequence of str
        That may be in it with spaces in their names, such as the user's own.
    prompts : sequence of str
    """
    for prompt in sorted({prompt.strip() for prompt in prompts}, key=len, reverse=True):
        if prompt:
            text = re.sub(re.escape(prompt), PROMPT, text, flags=re.IGNORECASE)
    text = _QUOTED.sub(lambda found: found[1] + PATH + found[1], text)
    for folder in sorted({str(Path(folder)) for folder in folders if folder}, key=len, reverse=True):
        if len(folder) > 1:
            # What follows the folder, up to a blank, is its path's rest.
            text = re.sub(re.escape(folder) + r"""(?:[\\/][^\s'"`,;:|)\]}]*)?""", PATH, text)
    text = _PATHS.sub(PATH, text)
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        return text
    return re.sub(rf"\b{re.escape(name)}\b", USER, text) if len(name) > 2 else text
