# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender --command sjc``: each subcommand is one file, ``<name>_command.py``.

Such a file says what it is called, what it takes and what it does; `command_line` finds it::

    NAME = "import"
    HELP = "import the result of a finished job"     # one line of `--command sjc --help`
    EXAMPLES = ("scene.blend --command sjc import duck_job --save out.blend",)    # what follows `blender`

    def add_options(parser: argparse.ArgumentParser) -> None: ...
    def run(arguments: argparse.Namespace) -> Outcome: ...      # may raise SjcError; progress goes to stderr
"""
