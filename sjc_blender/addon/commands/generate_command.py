"""``generate``: one object from a prompt."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ...protocol.errors import SjcError
from ...protocol.overrides import merged, parse_overrides
from ...protocol.presets import preset_names
from .. import api
from ..rigs.rig_choice import FORMS
from .outcome import Outcome
from .progress_lines import ProgressLines
from .result_options import add_result_options, import_and_save, save_scene

NAME = "generate"
HELP = "make an object from a prompt"
EXAMPLES = (
    '--command sjc generate --prompt "a red chair" --save chair.blend',
    '-b scene.blend --command sjc generate --prompt "a red chair" --rig Cameras --domain Box \\\n'
    "      --import volume,mesh --save out.blend",
    '-b scene.blend --command sjc generate --prompt "a duck" --preset draft --seed 3 --out duck_job \\\n'
    "      --set optimisation.guidance_scale=5 --set model.device=cpu --json",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `api.generate` takes."""
    parser.add_argument("--prompt", default="", help="left out for a model that takes none, or for a recipe's own")
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--rig", default="ORBIT", metavar="RIG", help=f"{FORMS} (default: ORBIT, all around)")
    parser.add_argument(
        "--jitter", type=float, default=0.0, metavar="DEGREES", help="turn a collection's cameras a bit"
    )
    parser.add_argument("--proxy", metavar="NAME", help="an object or a collection: the coarse shape to keep to")
    parser.add_argument(
        "--looseness", type=float, default=0.5, metavar="0-1", help="how freely the object may leave it (default: 0.5)"
    )
    parser.add_argument("--domain", metavar="OBJECT", help="the box to fill (default: 2 m at the world's origin)")
    parser.add_argument("--preset", default="standard", help=", ".join(preset_names()) + " or a published recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--model", default="builtin", metavar="SOURCE", help="builtin, a folder, a .safetensors file or a cached id"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="the same as --set optimisation.steps=N")
    parser.add_argument(
        "--set", action="append", default=[], dest="changes", metavar="FIELD=VALUE", help="any field of the job"
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="the job's folder (default: a new one beside the .blend); with the same options again, it goes on there",
    )
    parser.add_argument("--engine-python", metavar="PATH", help="default: the preferences, or SJC_ENGINE_PYTHON")
    add_result_options(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """Make it, wait for it, and import and save it if that is wanted."""
    if arguments.outputs and not arguments.save:
        raise SjcError("bad_usage", "--import without --save would import for nothing.", "Add --save OUT.blend.")
    overrides = {} if arguments.steps is None else {"optimisation": {"steps": arguments.steps}}
    overrides = merged(overrides, parse_overrides(arguments.changes))
    if arguments.save:
        # Before anything is made: the job's folder and the volume's file lie beside the saved scene.
        save_scene(arguments.save)
    progress = ProgressLines(sys.stderr)
    job = api.generate(
        arguments.prompt,
        negative_prompt=arguments.negative_prompt,
        rig=arguments.rig,
        jitter=arguments.jitter,
        proxy=arguments.proxy,
        proxy_looseness=arguments.looseness,
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
    )
    progress.close()
    return _outcome(job, arguments)


def _outcome(job: api.Job, arguments: argparse.Namespace) -> Outcome:
    facts: dict[str, Any] = {"folder": str(job.folder.path), "warnings": job.warnings}
    if job.result is None:
        again = f"Cancelled; the same command with --out {job.folder.path} goes on."
        return Outcome(str(job.state), facts, [again] if job.error is None else [], job.error)
    facts["files"] = {name: str(job.folder.path / path) for name, path in job.result.files.items()}
    facts["metrics"] = job.result.metrics
    lines = [f"folder: {job.folder.path}"]
    if arguments.save:
        try:
            imported = import_and_save(job, arguments.outputs, arguments.save)
        except SjcError as error:
            return Outcome("failed", facts, error=error)
        facts |= {"imported": imported, "blend": str(arguments.save)}
        lines += [f"blend: {arguments.save}", "imported: " + ", ".join(imported)]
    return Outcome("done", facts, lines)
