# SPDX-License-Identifier: GPL-3.0-or-later
"""``doctor``: checks of the engine, each with a remedy if it fails.

After a failed check the others still run, unless the packages that they need are broken. Nothing of the engine's
environment is imported before its check, so that an environment with nothing in it is told of as well.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...protocol import events
from ...protocol.amounts import gigabytes
from ...protocol.diagnosis import Diagnosis, Finding
from ...protocol.errors import SjcError
from ...protocol.exit_codes import EXIT_FAILED, EXIT_OK
from ...protocol.home import home_folder

OLDEST = (3, 11)
PACKAGES_SUBJECT = "Packages"
PACKAGES = ("torch", "warp", "diffusers", "transformers", "safetensors", "scipy", "skimage", "imageio_ffmpeg", "PIL")
"""Names of the packages, as imported."""

LEAST_MEMORY = 2 * 10**9
LEAST_VIDEO_MEMORY = 2 * 10**9
LEAST_DISK = 2 * 10**9
"""Bytes; what a job with the built-in prior takes."""

REINSTALL = "Press Set Up Engine in Blender, or install torch.txt and engine.txt of requirements/ into this Python."


HELP = "check packages, graphics card, memory, models and speed"


def add_doctor_command(commands: Any) -> None:
    """Add ``doctor`` to the engine's subcommands."""
    parser = commands.add_parser("doctor", help=HELP)
    _add_options(parser)
    parser.set_defaults(command=_run)


def main() -> int:
    """Run the command; return the exit code: 0 if everything works, else 1."""
    parser = argparse.ArgumentParser(prog="python -m sjc_blender.engine doctor", description=HELP)
    _add_options(parser)
    return _run(parser.parse_args(sys.argv[2:]))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one line of JSON")


def _run(arguments: argparse.Namespace) -> int:
    # What libraries print goes to stderr, which Blender keeps as the log.
    answer, sys.stdout = sys.stdout, sys.stderr
    if arguments.json:
        diagnosis = diagnose()
        answer.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        print(events.to_line(diagnosis), file=answer, flush=True)
    else:
        diagnosis = diagnose(lambda finding: print(finding, file=answer, flush=True))
    return EXIT_OK if diagnosis.works else EXIT_FAILED


def diagnose(told: Callable[[Finding], None] = lambda _finding: None) -> Diagnosis:
    """Run the checks; `told` is called with each finding as soon as it is known."""
    findings: list[Finding] = []
    for subject, check in CHECKS:
        if any(finding.subject == PACKAGES_SUBJECT and not finding.works for finding in findings):
            break  # the remaining checks need the packages
        try:
            for finding in check():
                findings.append(finding)
                told(finding)
        except SjcError as error:
            findings.append(Finding(subject, error.message, False, error.hint))
            told(findings[-1])
        except Exception as error:  # a check that breaks is a finding, too
            findings.append(Finding(subject, f"{type(error).__name__}: {error}", False, REINSTALL))
            told(findings[-1])
    return Diagnosis(tuple(findings))


def check_python() -> Iterator[Finding]:
    """Report the interpreter."""
    version = platform.python_version()
    works = sys.version_info[:2] >= OLDEST
    fix = "" if works else f"Choose a Python of {'.'.join(map(str, OLDEST))} or later."
    yield Finding("Python", f"{version} at {sys.executable}", works, fix)


def check_packages() -> Iterator[Finding]:
    """Import every package."""
    broken = []
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except Exception as error:  # a missing system library may raise anything
            broken.append(f"{name} ({type(error).__name__}: {error})")
    if broken:
        yield Finding(PACKAGES_SUBJECT, "not usable: " + "; ".join(broken), False, REINSTALL)
    else:
        versions = (f"{name} {importlib.metadata.version(name)}" for name in ("torch", "diffusers", "transformers"))
        yield Finding(PACKAGES_SUBJECT, ", ".join(versions))


def check_devices() -> Iterator[Finding]:
    """Report the device that the model will run on."""
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            works = free >= LEAST_VIDEO_MEMORY
            fix = "" if works else "Close other programs that use the graphics card, or run jobs with model.device=cpu."
            name = torch.cuda.get_device_name(index)
            yield Finding("Graphics card", f"{name}, {gigabytes(free)} of {gigabytes(total)} free", works, fix)
    elif torch.backends.mps.is_available():
        yield Finding("Graphics card", "Apple's, through Metal")
    elif shutil.which("nvidia-smi"):
        built = f"torch {torch.__version__}"
        yield Finding(
            "Graphics card",
            f"NVIDIA's, but {built} cannot use it",
            False,
            "Update the driver, restart the computer; if that does not help, remove the engine and set it up again.",
        )
    else:
        yield Finding("Graphics card", "none that torch can use; jobs run on the CPU, which is slower")
    yield Finding("Processor", f"{os.cpu_count()} cores, {torch.get_num_threads()} used")


def check_memory() -> Iterator[Finding]:
    """Report the free main memory."""
    from ..forecast.main_memory import main_memory

    memory = main_memory()
    works = memory.free >= LEAST_MEMORY
    fix = "" if works else "Close other programs: a job with the built-in prior needs about 2 GB."
    yield Finding("Memory", f"{gigabytes(memory.free)} of {gigabytes(memory.total)} free", works, fix)


def check_disk() -> Iterator[Finding]:
    """Report the free space in the home folder, for models and jobs of unsaved files; without one, in the temporary."""
    home = home_folder()
    if home is None or not home.is_dir():  # a service account's may be named and not exist
        home = Path(tempfile.gettempdir())
    disk = shutil.disk_usage(home)
    works = disk.free >= LEAST_DISK
    fix = "" if works else "Free some space: a job's checkpoints and results take up to 1 GB."
    yield Finding("Disk", f"{gigabytes(disk.free)} of {gigabytes(disk.total)} free in {home}", works, fix)


def check_models() -> Iterator[Finding]:
    """Report the models on this computer."""
    from ..model_store.cache import models_on_disk

    found = models_on_disk()
    there = [f"{model.id}{'' if model.state == 'whole' else ' (not whole)'}" for model in found.models]
    yield Finding("Models", "built-in" + "".join(f", {name}" for name in there))


def check_speed() -> Iterator[Finding]:
    """Time some steps with the built-in prior, on the device that a job would use."""
    from ...protocol.model_profile import load_profile
    from ...protocol.presets import new_job
    from ..forecast.step_probe import PROBE_STEPS, StepProbe
    from ..optimisation.sjc import ScoreJacobianChaining
    from ..radiance.marcher import marches_fused
    from ..score_models.conditioning import conditioner_for
    from ..score_models.loading import load_score_model

    spec = new_job("a red chair", preset="draft")
    start = time.perf_counter()
    model = load_score_model(spec.model)
    loaded = time.perf_counter() - start
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(spec.model.source), model))
    probe, known = StepProbe(PROBE_STEPS), False
    while not known:
        start = time.perf_counter()
        report = sjc.advance()
        sjc.settle()  # the device may still be busy until then
        known = probe.took(time.perf_counter() - start)
    works = not report.skipped
    renderer = "fused" if marches_fused(sjc.field) else "PyTorch's"
    rate = f"{1 / probe.step_seconds:.1f} steps/s on {model.device.type}"
    rate += f" with the built-in prior (loaded in {loaded:.1f} s) and the {renderer} renderer"
    yield Finding("Speed", rate, works, "" if works else "The model returns no numbers here. " + REINSTALL)


CHECKS: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
    ("Python", check_python),
    ("Disk", check_disk),
    (PACKAGES_SUBJECT, check_packages),
    ("Graphics card", check_devices),
    ("Memory", check_memory),
    ("Models", check_models),
    ("Speed", check_speed),
)
