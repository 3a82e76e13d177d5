# SPDX-License-Identifier: GPL-3.0-or-later
"""``edit``: a finished object in one region with a new prompt, or all of it refined."""

from __future__ import annotations

import argparse

from ...protocol.presets import preset_names
from .. import api
from .job_options import add_job_options, chosen, run_job
from .outcome import Outcome

NAME = "edit"
HELP = "change a finished object in a region, or refine all of it"
EXAMPLES = (
    '-b scene.blend --command sjc edit chair_job --prompt "a blue chair" --region Back \\\n      --save out.blend',
    "-b scene.blend --command sjc edit chair_job --preset standard --set field.resolution=100 --save out.blend",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `api.edit` takes."""
    parser.add_argument("source", metavar="JOB", help="a finished job's folder, or the name of its result in the scene")
    parser.add_argument("--prompt", metavar="TEXT", help="what the whole object should be (default: the old prompt)")
    parser.add_argument("--negative-prompt", metavar="TEXT", help="default: the old negative prompt")
    parser.add_argument(
        "--region", metavar="NAME", help="object or collection inside which the result may change (default: everywhere)"
    )
    parser.add_argument("--anew", action="store_true", help="start the region as haze, not from the old object")
    parser.add_argument("--preset", help=", ".join(preset_names()) + "; instead of the job's own settings")
    parser.add_argument("--model", metavar="SOURCE", help="another model, with its own settings")
    parser.add_argument("--seed", type=int, help="default: the old seed")
    parser.add_argument(
        "--agree", action="store_true", help="accept a job that this user did not start, and load its model"
    )
    add_job_options(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """Edit it, wait for it, and import and save it if that is wanted."""
    if arguments.agree:
        api.agree(arguments.source)
    names = ("source", "prompt", "negative_prompt", "region", "anew", "preset", "model", "seed", "outputs")
    return run_job(api.edit, arguments, **chosen(arguments, *names))
