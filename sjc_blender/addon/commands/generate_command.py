# SPDX-License-Identifier: GPL-3.0-or-later
"""``generate``: one object from a prompt."""

from __future__ import annotations

import argparse

from ...protocol.presets import preset_names
from .. import api
from ..jobs.job_request import STEERING
from ..rigs.rig_choice import FORMS
from .farm_options import add_farm_options, chosen_farm
from .guide_options import add_guide_options
from .job_options import add_job_options, chosen, run_job
from .outcome import Outcome

NAME = "generate"
HELP = "make an object from a prompt"
EXAMPLES = (
    '--command sjc generate --prompt "a red chair" --save chair.blend',
    '-b scene.blend --command sjc generate --prompt "a red chair" --rig Cameras --domain Box \\\n'
    "      --import volume,mesh --save out.blend",
    '-b scene.blend --command sjc generate --prompt "a duck" --preset draft --seed 3 --out new_duck \\\n'
    "      --set optimisation.guidance_scale=5 --set model.device=cpu --json",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `api.generate` takes."""
    parser.add_argument("--prompt", default="", help="omit it for a model without prompts, or to use a recipe's prompt")
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--rig", default="ORBIT", metavar="RIG", help=f"{FORMS} (default: ORBIT, all around)")
    parser.add_argument(
        "--jitter",
        type=float,
        default=0.0,
        metavar="DEGREES",
        help="rotate each drawn camera randomly around the domain",
    )
    parser.add_argument(
        "--domain", metavar="OBJECT", help="object whose box is filled (default: a box of 2 units on the 3D cursor)"
    )
    parser.add_argument("--preset", default="standard", help=", ".join(preset_names()) + " or a published recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--model",
        default="builtin",
        metavar="SOURCE",
        help="builtin, a folder, a .safetensors or .gguf file, or a cached id",
    )
    add_guide_options(parser)
    add_farm_options(parser)
    add_job_options(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """Make it, wait for it, and import and save it if that is wanted."""
    names = ("prompt", "negative_prompt", "rig", "jitter", "domain", "preset", "seed", "model", *STEERING)
    outputs = arguments.outputs or api.OUTPUTS
    return run_job(api.generate, arguments, **chosen(arguments, *names), outputs=outputs, farm=chosen_farm(arguments))
