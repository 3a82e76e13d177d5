"""Reads ``blender scene.blend --command sjc SUBCOMMAND ...``, runs it, tells its outcome."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ..process.platform_process import flush_c_output
from .outcome import Outcome

PROGRAM = "blender [-b FILE.blend] --command sjc"
DESCRIPTION = "Score Jacobian Chaining: volumes and meshes from text, seen through the scene's cameras."
EXIT_CODES = "exit codes: 0 done, 1 failed, 2 bad usage, 3 cancelled"
SUFFIX = "_command"

_registered: list[Any] = []


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code. Progress goes to stderr, the outcome to stdout."""
    try:
        arguments = _parser().parse_args(list(argv))
    except SystemExit as end:  # argparse has said what is wrong, or has helped
        return int(end.code or 0)
    try:
        outcome: Outcome = arguments.run(arguments)
    except SjcError as error:
        outcome = Outcome.failed(error)
    except KeyboardInterrupt:  # between two jobs, or in what starts none
        outcome = Outcome("cancelled")
    # Blender says its name, and what it saves, through C: the outcome is to be the last line.
    flush_c_output()
    outcome.tell(sys.stdout, sys.stderr, as_json=arguments.json)
    return outcome.exit_code


def subcommands() -> list[ModuleType]:
    """Give every subcommand's module, by name: the files of this package that end in ``_command``."""
    package = __package__
    assert package is not None
    found = (module.name for module in pkgutil.iter_modules(import_module(package).__path__))
    return [import_module(f".{name}", package) for name in sorted(found) if name.endswith(SUFFIX)]


def _parser() -> argparse.ArgumentParser:
    modules = subcommands()
    examples = [example for module in modules for example in module.EXAMPLES]
    parser = argparse.ArgumentParser(prog=PROGRAM, description=DESCRIPTION, **_epilog(examples))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in modules:
        command = commands.add_parser(
            module.NAME, help=module.HELP, description=_sentence(module.HELP), **_epilog(module.EXAMPLES)
        )
        module.add_options(command)
        command.add_argument("--json", action="store_true", help="the outcome as one line of JSON, the last on stdout")
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
    """Make the command known to Blender."""
    _registered.append(bpy.utils.register_cli_command("sjc", main))


def unregister() -> None:
    """Take the command away."""
    while _registered:
        bpy.utils.unregister_cli_command(_registered.pop())
