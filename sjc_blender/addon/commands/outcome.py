# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a subcommand: as text, as JSON, and as an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from ...protocol.errors import InvalidSpec, SjcError
from ...protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from ...protocol.json_values import json_value, plain
from ..batch.batch_fault import InvalidBatch
from ..printed import put

USAGE_CODES = {
    "bad_usage",
    "blend_not_opened",
    "invalid_batch",
    "invalid_spec",
    "no_batch_file",
    "not_opened",
    "prompt_outside_vocabulary",
    "unknown_camera",
    "unknown_domain",
    "unknown_guide",
    "unknown_picture",
    "unknown_output",
    "unknown_proxy",
    "unknown_region",
    "unknown_rig",
}
"""Error codes of wrong usage."""


@dataclass
class Outcome:
    """The outcome of a subcommand.

    Attributes
    ----------
    state : str
        ``"done"``, ``"failed"`` or ``"cancelled"``.
    facts : dict
        JSON values for a program, beside ``state`` and ``error``.
    lines : sequence of str
        The same for a person.
    error : SjcError or None
        Why it failed.
    """

    state: str = "done"
    facts: dict[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    error: SjcError | None = None

    @property
    def exit_code(self) -> int:
        """Exit code for the shell."""
        if self.state == "cancelled":
            return EXIT_CANCELLED
        if self.error is not None:
            return EXIT_USAGE if self.error.code in USAGE_CODES else EXIT_FAILED
        return EXIT_OK if self.state == "done" else EXIT_FAILED

    def as_json(self) -> str:
        """Return the outcome as one line of JSON."""
        error = {} if self.error is None else {"error": told(self.error)}
        # In ASCII: half a character, which a name may hold, cannot be printed, and others not everywhere.
        return json.dumps(json_value({"state": self.state} | self.facts | error))

    def tell(self, stdout: TextIO, stderr: TextIO, *, as_json: bool) -> None:
        """Print the outcome: errors to `stderr`; lines, or one line of JSON, to `stdout`."""
        if self.error is not None:
            put(f"Error: {self.error}", stderr)
        if as_json:
            put(self.as_json(), stdout)
            return
        where = stderr if self.state == "cancelled" else stdout
        for line in self.lines:
            put(line, where)


def told(error: SjcError) -> dict[str, Any]:
    """Return an error as JSON values, with the faults if it has them."""
    facts: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, InvalidBatch):
        facts["faults"] = [fault.as_json() for fault in error.faults]
    elif isinstance(error, InvalidSpec):
        found = [(fault.field, plain(fault.value), fault.allowed) for fault in error.faults]
        facts["faults"] = [{"field": field, "value": value, "allowed": allowed} for field, value, allowed in found]
    return facts
