# SPDX-License-Identifier: GPL-3.0-or-later
"""A job described on the command line."""

from __future__ import annotations

import argparse

from ...protocol import presets
from ...protocol.overrides import merged, parse_overrides
from ...protocol.spec import JobSpec


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add what describes a job."""
    parser.add_argument("--prompt", default="", help="may be omitted with a recipe (see the command presets)")
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--preset", default="standard", help=", ".join(presets.preset_names()) + " or a recipe")
    parser.add_argument(
        "--model",
        default="builtin",
        metavar="SOURCE",
        help="builtin, a folder, a .safetensors file or a Hugging Face id in the cache",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="changes",
        help="any setting of the job, such as optimisation.steps=200 (repeatable)",
    )


def job_of(arguments: argparse.Namespace) -> JobSpec:
    """Return the job; ``--set`` takes precedence over the option of the same meaning. SjcError if it is invalid."""
    settings = {
        "prompt": arguments.prompt,
        "preset": arguments.preset,
        "seed": arguments.seed,
        "negative_prompt": arguments.negative_prompt,
        "model": {"source": arguments.model, "device": arguments.device},
    }
    return presets.new_job(**merged(settings, parse_overrides(arguments.changes)))
