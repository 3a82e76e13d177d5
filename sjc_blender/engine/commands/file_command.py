# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that make files: every failure of one leaves as a sentence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...protocol import events
from ...protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from ..reporter import Report


def file_command(work: Callable[[argparse.Namespace, Report], None]) -> Callable[[argparse.Namespace], int]:
    """Return the command that does `work`, which is told to a terminal and returns an exit code."""

    def command(arguments: argparse.Namespace) -> int:
        # Here, for the parser is built for every subcommand and torch takes seconds to import.
        from ..job import told_error
        from ..reporter import TerminalReport

        report = TerminalReport()
        try:
            work(arguments, report)
        except KeyboardInterrupt:
            print("Cancelled; no result was written.", file=sys.stderr)
            return EXIT_CANCELLED
        except Exception as error:  # the border: every failure leaves as a sentence
            report(events.Failed.of(told_error(error)))
            return EXIT_FAILED
        return EXIT_OK

    return command
