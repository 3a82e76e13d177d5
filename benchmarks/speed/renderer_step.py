"""One SJC step without the network: render, back-propagate a score and the emptiness loss, move the parameters.

Run as a program it writes the peak of memory of one contender, for which each needs a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path
from typing import Any

import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.optimisation.losses import emptiness, reference_samples_per_ray
from sjc_blender.engine.radiance.adamax import adamax_for
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.this_process.allocation import keep_freed_memory
from sjc_blender.protocol.spec import OptimisationSpec

from .authors_code import AuthorsCode
from .interleaved import Step
from .peak_memory import peak_bytes, resident_bytes

PUBLISHED = OptimisationSpec()
CONTENDERS = ("authors", "torch", "fused")
STATES = ("start", "converged")


def field_in_state(state: str, resolution: int, renderer: Any = "auto", channels: int = 4) -> VoxelField:
    """A field as a run begins, or with a ball that is as dense and as large as objects become (6.5 % of the box)."""
    generator = torch.Generator().manual_seed(0)
    field = VoxelField((1, 1, 1), resolution, channels, renderer=renderer, generator=generator)
    if state == "converged":
        axis = (torch.arange(resolution) + 0.5) * field.voxel_size - 1
        radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
        with torch.no_grad():
            field.density_grid[0] = torch.where(radius < 0.5, 60.0, -10.0)
    return field


def view(index: int, size: int, device: torch.device | None = None) -> Rays:
    """Rays of one of a row of views around the box."""
    camera = orbit_camera(137.5 * index % 360 - 180, 5 + 11 * index % 60, 1.5, 55)
    return camera_rays(camera, size, size, device=device)


def our_step(field: VoxelField, size: int = 64, views: int = 1) -> Step:
    """A step of this engine, on the field's device."""
    optimiser = adamax_for(field, field.parameter_groups(PUBLISHED.learning_rate, PUBLISHED.background_learning_rate))
    samples, device = reference_samples_per_ray(field), field.density_grid.device
    score = torch.randn(len(field.feature_grid), size, size, generator=torch.Generator().manual_seed(1)).to(device)

    def run(index: int) -> None:
        scale = PUBLISHED.emptiness_scale
        rays = [view(index * views + k, size, device) for k in range(views)]
        renderings = [render(field, each, emptiness_scale=scale) for each in rays]
        objective = torch.zeros((), device=device)
        for rendering in renderings:
            empty = emptiness(rendering.log_sums, samples)
            objective = objective + (PUBLISHED.emptiness_weight * empty - (score * rendering.image).sum()) / views
        optimiser.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return Step(run, tuple(field.parameters()))


def authors_step(authors: AuthorsCode, field: VoxelField, size: int = 64) -> Step:
    """A step of the authors' renderer and optimiser, in the order of their program."""
    theirs = authors.field_like(field)
    optimiser = torch.optim.Adamax(theirs.opt_params(), lr=PUBLISHED.learning_rate)
    score = torch.randn(size * size, len(field.feature_grid), generator=torch.Generator().manual_seed(1))

    def run(index: int) -> None:
        optimiser.zero_grad()
        image, _, weights = authors.rendering(theirs, view(index, size))
        image.backward(-score, retain_graph=True)  # type: ignore[no-untyped-call]
        loss = PUBLISHED.emptiness_weight * torch.log(1 + PUBLISHED.emptiness_scale * weights).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return Step(run, tuple(theirs.parameters()))


def contender_step(
    name: str,
    state: str,
    reference: Path | None = None,
    resolution: int = 100,
    size: int = 64,
    views: int = 1,
    device: str = "cpu",
) -> Step:
    """A step of one of `CONTENDERS`; the authors' has one view, on the CPU."""
    if name == "authors":
        assert reference is not None, "the authors' code has to be there"
        return authors_step(AuthorsCode(reference), field_in_state(state, resolution), size)
    return our_step(field_in_state(state, resolution, name).to(device), size, views)


def main() -> None:
    """Write the peak of memory over what the process had before the field was made, in bytes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--state", default="converged", choices=STATES)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--resolution", type=int, default=100)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    chosen = (arguments.contender, arguments.state, arguments.reference)
    # What is imported on the way is no part of a step's memory. Tiny: what it frees stays in this process.
    contender_step(*chosen, 16, 8, device=arguments.device).run(0)
    gc.collect()
    on_gpu = torch.device(arguments.device).type == "cuda"
    base = torch.cuda.memory_allocated() if on_gpu else resident_bytes()
    step = contender_step(*chosen, arguments.resolution, arguments.size, device=arguments.device)
    for index in range(3):
        step.run(index)
    peak = torch.cuda.max_memory_allocated() if on_gpu else peak_bytes()
    parameters = sum(parameter.numel() * parameter.element_size() for parameter in step.parameters)
    written = {"peak_over_base": peak - base, "parameters": parameters}
    arguments.out.write_text(json.dumps(written), encoding="utf-8")


if __name__ == "__main__":
    main()
