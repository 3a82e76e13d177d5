"""``blender scene.blend --command sjc``: jobs without a window, for scripts and farms."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..protocol.errors import SjcError
from ..protocol.overrides import merged, parse_overrides
from ..protocol.presets import preset_names
from . import api
from .command_progress import ProgressLines

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 130

USAGE_CODES = {
    "bad_usage",
    "invalid_spec",
    "prompt_outside_vocabulary",
    "unknown_domain",
    "unknown_output",
    "unknown_rig",
}
"""Errors of what was typed, not of what happened."""

PROGRAM = "blender [FILE.blend] --command sjc"

EXAMPLES = """\
examples:
  blender --command sjc generate --prompt "a red chair" --save chair.blend
  blender scene.blend --command sjc generate --prompt "a red chair" --rig Cameras --domain Box \\
      --import volume,mesh --save out.blend
  blender scene.blend --command sjc generate --prompt "a duck" --preset draft --seed 3 --out duck_job \\
      --set optimisation.guidance_scale=5 --set model.device=cpu --json
  blender scene.blend --command sjc import duck_job --save out.blend

exit codes: 0 done, 1 failed, 2 bad usage, 130 cancelled by Ctrl-C (after the current step, with a checkpoint;
generate with the same options and --out goes on from there)
"""

_registered: list[Any] = []


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code. Progress goes to stderr, the outcome to stdout."""
    try:
        arguments = _parser().parse_args(list(argv))
    except SystemExit as end:  # argparse has said what is wrong, or has helped
        return int(end.code or 0)
    try:
        outcome: dict[str, Any] = arguments.run(arguments)
    except SjcError as error:
        outcome = {"state": "failed", "error": _told(error)}
    _tell(outcome, as_json=arguments.json)
    return _exit_code(outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Score Jacobian Chaining: volumes and meshes from text, seen through the scene's cameras.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_generate(commands)
    _add_import(commands)
    return parser


def _add_generate(commands: Any) -> None:
    parser = commands.add_parser(
        "generate",
        help="make an object from a prompt",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--rig", default="ORBIT", metavar="COLLECTION", help="its cameras; ORBIT (default): all around")
    parser.add_argument(
        "--jitter", type=float, default=0.0, metavar="DEGREES", help="turn a collection's cameras a bit"
    )
    parser.add_argument("--domain", metavar="OBJECT", help="the box to fill (default: 2 m at the world's origin)")
    parser.add_argument("--preset", default="standard", help="one of " + ", ".join(preset_names()))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--model", default="builtin", metavar="SOURCE", help="builtin, a folder, a .safetensors file or a cached id"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="the same as --set optimisation.steps=N")
    parser.add_argument(
        "--set", action="append", default=[], dest="changes", metavar="FIELD=VALUE", help="any field of the job"
    )
    parser.add_argument("--out", metavar="FOLDER", help="the job's folder (default: a new one beside the .blend)")
    parser.add_argument("--engine-python", metavar="PATH", help="default: the preferences, or SJC_ENGINE_PYTHON")
    _add_result_options(parser, save_required=False)
    parser.set_defaults(run=_generate)


def _add_import(commands: Any) -> None:
    parser = commands.add_parser("import", help="make objects of a finished job")
    parser.add_argument("folder", metavar="JOB_FOLDER")
    _add_result_options(parser, save_required=True)
    parser.set_defaults(run=_import)


def _add_result_options(parser: argparse.ArgumentParser, *, save_required: bool) -> None:
    parser.add_argument(
        "--import", type=_outputs, dest="outputs", metavar="volume,mesh", help="which results (default: both)"
    )
    parser.add_argument(
        "--save",
        type=_blend_path,
        required=save_required,
        metavar="OUT.blend",
        help="import the results and save the scene here, the volume's file beside it",
    )
    parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON, the last on stdout")


def _outputs(text: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in text.split(","))
    if not set(named) <= set(api.OUTPUTS):
        raise argparse.ArgumentTypeError(f"{text!r} is not made of {' and '.join(api.OUTPUTS)}")
    return named


def _blend_path(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if path.suffix != ".blend":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .blend")
    return path


def _generate(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.outputs and not arguments.save:
        raise SjcError("bad_usage", "--import without --save would import for nothing.", "Add --save OUT.blend.")
    overrides = {} if arguments.steps is None else {"optimisation": {"steps": arguments.steps}}
    overrides = merged(overrides, parse_overrides(arguments.changes))
    if arguments.save:
        # Before anything is made: the job's folder and the volume's file lie beside the saved scene.
        _save(arguments.save)
    progress = ProgressLines(sys.stderr)
    job = api.generate(
        arguments.prompt,
        negative_prompt=arguments.negative_prompt,
        rig=arguments.rig,
        jitter=arguments.jitter,
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
    outcome: dict[str, Any] = {"state": str(job.state), "folder": str(job.folder.path), "warnings": job.warnings}
    if job.error is not None:
        outcome["error"] = _told(job.error)
    if job.result is not None:
        outcome["files"] = {name: str(job.folder.path / path) for name, path in job.result.files.items()}
        outcome["metrics"] = job.result.metrics
        if arguments.save:
            try:
                outcome |= _import_and_save(job, arguments.outputs, arguments.save)
            except SjcError as error:
                outcome |= {"state": "failed", "error": _told(error)}
    return outcome


def _import(arguments: argparse.Namespace) -> dict[str, Any]:
    _save(arguments.save)
    imported = _import_and_save(arguments.folder, arguments.outputs, arguments.save)
    return {"state": "done", "folder": arguments.folder} | imported


def _import_and_save(source: api.Job | str, outputs: Sequence[str] | None, path: Path) -> dict[str, Any]:
    objects = api.import_result(source, outputs=outputs)
    _save(path)
    return {"imported": [obj.name for obj in objects], "blend": str(path)}


def _save(path: Path) -> None:
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SjcError(
            "not_saved", f"The scene could not be saved as {path}: {reason}", "Name a place that you may write to."
        ) from error


def _told(error: SjcError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _tell(outcome: dict[str, Any], *, as_json: bool) -> None:
    error = outcome.get("error")
    if error is not None:
        print(f"Error: {error['message']} {error['hint']}".rstrip(), file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps(outcome, ensure_ascii=False), flush=True)
        return
    if outcome["state"] == "cancelled":
        print(f"Cancelled; the same command with --out {outcome['folder']} goes on.", file=sys.stderr, flush=True)
    for name in ("folder", "blend"):
        if name in outcome and outcome["state"] == "done":
            print(f"{name}: {outcome[name]}", flush=True)
    if outcome.get("imported"):
        print("imported: " + ", ".join(outcome["imported"]), flush=True)


def _exit_code(outcome: dict[str, Any]) -> int:
    if outcome["state"] == "cancelled":
        return EXIT_CANCELLED
    if "error" in outcome:
        return EXIT_USAGE if outcome["error"]["code"] in USAGE_CODES else EXIT_FAILED
    return EXIT_OK


def register() -> None:
    """Make the command known to Blender."""
    _registered.append(bpy.utils.register_cli_command("sjc", main))


def unregister() -> None:
    """Take the command away."""
    while _registered:
        bpy.utils.unregister_cli_command(_registered.pop())
