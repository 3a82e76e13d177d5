# SPDX-License-Identifier: GPL-3.0-or-later
"""``fit``: a Volume and a mesh from pictures with known cameras, such as Blender's renders of a rig."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.spec import CameraRig, FieldSpec, JobSpec, OptimisationSpec
from .arguments import finite
from .file_command import file_command

if TYPE_CHECKING:
    from ..reporter import Report


def add_fit_command(commands: Any) -> None:
    """Add ``fit`` to the engine's subcommands."""
    parser = commands.add_parser(
        "fit",
        help="fit a Volume and a mesh to pictures with known cameras",
        epilog="example: python -m sjc_blender.engine fit lego --half-side 1.5 --out lego_job",
    )
    parser.add_argument(
        "folder", type=Path, metavar="PICTURES", help="folder with transforms*.json or reference_views.json"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the new job folder, which Blender can import"
    )
    parser.add_argument(
        "--half-side",
        type=finite,
        help="half side of the cube to fill, in the world units of the pictures "
        "(default: from instant-ngp's scale and offset, else 1)",
    )
    parser.add_argument("--resolution", type=int, default=96, help="voxels along a side (default 96)")
    parser.add_argument("--size", type=int, default=128, help="larger pictures are reduced to this size (default 128)")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--background", type=finite, default=1.0, help="sRGB grey behind opaque pictures: 1 white (default), 0 black"
    )
    parser.set_defaults(command=file_command(_fit))


def _check(arguments: argparse.Namespace) -> None:
    limits = {"resolution": (8, 512), "size": (8, 1024), "steps": (10, 1_000_000)}
    faults = [
        f"--{name} is {getattr(arguments, name)}; allowed: {low} to {high}"
        for name, (low, high) in limits.items()
        if not low <= getattr(arguments, name) <= high
    ]
    if arguments.half_side is not None and arguments.half_side <= 0:
        faults.append(f"--half-side is {arguments.half_side:g}; allowed: above 0")
    if not 0 <= arguments.background <= 1:
        faults.append(f"--background is {arguments.background:g}; allowed: 0 to 1")
    if faults:
        raise SjcError("bad_usage", "The pictures cannot be fitted:\n" + "\n".join(f"  - {fault}" for fault in faults))


def _fit(arguments: argparse.Namespace, told: Report) -> None:
    _check(arguments)
    # Here, for the parser is built for every subcommand and torch takes seconds to import.
    from ..fitting.fit import FitSettings, fit_grid, psnr
    from ..fitting.posed_pictures import pictures_of_the_box, read_pictures
    from ..reporter import recorded
    from ..results.mesh import extract_mesh
    from ..results.result import write_result

    pictures = pictures_of_the_box(read_pictures(arguments.folder, arguments.half_side, arguments.size))
    # As a job, so that its result is used like any job's.
    spec = JobSpec(
        prompt=arguments.folder.resolve().name,
        seed=arguments.seed,
        domain=pictures.domain,
        cameras=CameraRig(tuple(picture.camera for picture in pictures.train)),
        field=FieldSpec(resolution=arguments.resolution),
        optimisation=OptimisationSpec(steps=arguments.steps),
    )
    folder = JobFolder.create(arguments.out, spec)
    report = recorded(folder, told)
    report(events.Phase("optimising"))
    started = time.perf_counter()

    def progress(step: int, step_psnr: float) -> None:
        if step % 20 == 0 or step == arguments.steps:
            rate = step / (time.perf_counter() - started)
            left = (arguments.steps - step) / rate
            report(events.Progress(step, arguments.steps, rate, left, 0.0, {"psnr": step_psnr}))

    settings = FitSettings(arguments.resolution, arguments.steps, seed=arguments.seed, background=arguments.background)
    grid = fit_grid(pictures.train, settings, pictures.domain.half_extents, progress)
    metrics = {"seconds_optimising": time.perf_counter() - started, "steps": float(arguments.steps)}
    measured = {"train": pictures.train[:MEASURED], "held_out": pictures.held_out}
    metrics |= {f"psnr_{name}": psnr(grid, some, arguments.background) for name, some in measured.items() if some}
    report(events.Phase("writing the results"))
    report(write_result(folder, spec, grid, extract_mesh(grid, spec, report), metrics, report))
    judges = "held-out" if pictures.held_out else "train"
    print(f"PSNR of the {judges} pictures: {metrics['psnr_' + judges.replace('-', '_')]:.2f} dB")


MEASURED = 10
"""Number of training pictures that are measured."""
