# SPDX-License-Identifier: GPL-3.0-or-later
"""``doctor``: checks the installation, with a remedy for each failure."""

from __future__ import annotations

import argparse

from ...protocol import codec
from ...protocol.errors import SjcError
from .. import api
from .outcome import Outcome

NAME = "doctor"
HELP = "check the add-on and the engine: packages, graphics card, memory, models, speed"
EXAMPLES = ("--command sjc doctor",)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(arguments: argparse.Namespace) -> Outcome:
    """Run the check."""
    found = api.check_engine(wait=True)
    assert found is not None
    facts = codec.encode(found) | {"works": found.works}
    if found.works:
        return Outcome("done", facts, [str(found)])
    bad = [finding.subject for finding in found.findings if not finding.works]
    error = None if not arguments.json else SjcError("check_failed", f"Something is wrong: {', '.join(bad)}.")
    return Outcome("failed", facts, [str(found)], error)
