# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses and runs ``blender scene.blend --command sjc SUBCOMMAND ...``, and reports its outcome."""

from __future__ import annotations

import argparse
import itertools
import pkgutil
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import bpy

from ...protocol import atomic_write
from ...protocol.errors import SjcError
from ..given_values import require_utf8
from ..jobs.job_request import absolute
from ..printed import put
from ..process.platform_process import flush_c_output
from .opened_file import require_opened
from .outcome import EXIT_OK, Outcome
from .progress import FORMS

PROGRAM = "blender [-b FILE.blend] --command sjc"
DESCRIPTION = "Score Jacobian Chaining: volumes and meshes from text, seen through the scene's cameras."
EXIT_CODES = "exit codes: 0 done, 1 failed, 2 bad usage, 3 cancelled"
SUFFIX = "_command"

_registered: list[Any] = []


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code. Progress goes to stderr, the outcome to stdout."""
    words = list(argv)
    # Also for an invalid command line.
    wanted = argparse.Namespace(json="--json" in words, json_file=_option(words, "--json-file"))
    if signal.getsignal(signal.SIGINT) is None:
        # Blender's own handler, which only takes note of the first Ctrl-C, and ends Blender at the second.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        require_utf8(*words)
        wanted = _parser().parse_args(words)
        require_opened(sys.argv)
        outcome: Outcome = wanted.run(wanted)
    except SystemExit:  # --help
        return EXIT_OK
    except SjcError as error:
        outcome = Outcome("failed", error=error)
    except KeyboardInterrupt:  # between two jobs, or in a command without jobs
        outcome = Outcome("cancelled")
    # Blender prints through C; the outcome has to be the last line.
    flush_c_output()
    if wanted.json_file:
        try:
            atomic_write.write_text(Path(absolute(wanted.json_file)), outcome.as_json() + "\n")
        except SjcError as error:
            put(f"Error: {error}", sys.stderr)
            outcome = Outcome("failed", outcome.facts, outcome.lines, outcome.error or error)
    outcome.tell(sys.stdout, sys.stderr, as_json=wanted.json)
    return outcome.exit_code


def _option(words: Sequence[str], name: str) -> str:
    """Return the value of an option in a command line that may be invalid."""
    for word, following in itertools.pairwise([*words, ""]):
        if word == name or word.startswith(f"{name}="):
            return following if word == name else word.partition("=")[2]
    return ""


class _Parser(argparse.ArgumentParser):
    """A parser that raises SjcError instead of exiting Blender."""

    def error(self, message: str) -> NoReturn:
        """Print the usage, and raise SjcError ``bad_usage``."""
        self.print_usage(sys.stderr)
        raise SjcError("bad_usage", _sentence(message), f"{self.prog} --help lists the options.")


def subcommands() -> list[ModuleType]:
    """Return the modules of the subcommands by name: the files of this package that end in ``_command``."""
    package = __package__
    assert package is not None
    found = (module.name for module in pkgutil.iter_modules(import_module(package).__path__))
    return [import_module(f".{name}", package) for name in sorted(found) if name.endswith(SUFFIX)]


def _parser() -> argparse.ArgumentParser:
    modules = subcommands()
    examples = [example for module in modules for example in module.EXAMPLES]
    parser = _Parser(prog=PROGRAM, description=DESCRIPTION, **_epilog(examples))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in modules:
        command = commands.add_parser(
            module.NAME, help=module.HELP, description=_sentence(module.HELP), **_epilog(module.EXAMPLES)
        )
        module.add_options(command)
        command.add_argument(
            "--json", action="store_true", help="print the outcome as one line of JSON, the last on stdout"
        )
        command.add_argument("--json-file", metavar="PATH", help="write the outcome as JSON to a file, replacing it")
        command.add_argument(
            "--progress", choices=FORMS, default="text", help="progress on stderr: text, or one JSON object a line"
        )
        command.set_defaults(run=module.run)
    return parser


def _epilog(examples: Sequence[str]) -> dict[str, Any]:
    lines = "\n".join(f"  blender {example}" for example in examples)
    return {
        "epilog": f"examples:\n{lines}\n\n{EXIT_CODES}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def register() -> None:
    """Register the command."""
    _registered.append(bpy.utils.register_cli_command("sjc", main))


def unregister() -> None:
    """Unregister the command."""
    while _registered:
        bpy.utils.unregister_cli_command(_registered.pop())
