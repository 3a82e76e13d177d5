# SPDX-License-Identifier: GPL-3.0-or-later
"""``generate``: one object from a prompt."""

from __future__ import annotations

import argparse

from ...protocol.presets import preset_names
from .. import api
from ..rigs.rig_choice import FORMS
from .farm_options import add_farm_options, chosen_farm
from .guide_options import add_guide_options, guide_arguments
from .job_options import add_job_options, job_outcome, job_overrides, save_first
from .outcome import Outcome
from .progress import Progress

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
        "--model", default="builtin", metavar="SOURCE", help="builtin, a folder, a .safetensors file or a cached id"
    )
    add_guide_options(parser)
    add_farm_options(parser)
    add_job_options(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """Make it, wait for it, and import and save it if that is wanted."""
    overrides = job_overrides(arguments)
    save_first(arguments)
    progress = Progress(arguments).of_job()
    job = api.generate(
        arguments.prompt,
        negative_prompt=arguments.negative_prompt,
        rig=arguments.rig,
        jitter=arguments.jitter,
        **guide_arguments(arguments),
        domain=arguments.domain,
        preset=arguments.preset,
        seed=arguments.seed,
        model=arguments.model,
        outputs=arguments.outputs or api.OUTPUTS,
        overrides=overrides,
        folder=arguments.out,
        import_results=False,
        wait=True,
        progress=progress,
        engine_python=arguments.engine_python,
        farm=chosen_farm(arguments),
    )
    progress.close()
    return job_outcome(job, arguments)
