"""One SJC step without the network: render, back-propagate a score and the emptiness loss, move the parameters.

Run as a program it measures the peak of memory of one contender, for which each needs a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sjc_blender.engine.losses import emptiness, reference_samples_per_ray
from sjc_blender.engine.radiance.adamax import adamax_for
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.viewpoints import orbit_camera
from sjc_blender.protocol.spec import OptimisationSpec

from .authors_code import AuthorsCode
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


def view(index: int, size: int) -> Rays:
    """Rays of one of a row of views around the box."""
    return camera_rays(orbit_camera(137.5 * index % 360 - 180, 5 + 11 * index % 60, 1.5, 55), size, size)


def our_step(field: VoxelField, size: int = 64, views: int = 1) -> Callable[[int], None]:
    """A step of this engine; it takes the number of the step."""
    optimiser = adamax_for(field, field.parameter_groups(PUBLISHED.learning_rate, PUBLISHED.background_learning_rate))
    samples = reference_samples_per_ray(field)
    score = torch.randn(len(field.feature_grid), size, size, generator=torch.Generator().manual_seed(1))

    def step(index: int) -> None:
        renderings = [render(field, view(index * views + k, size)) for k in range(views)]
        objective = torch.zeros(())
        for rendering in renderings:
            empty = emptiness(rendering.weights, PUBLISHED.emptiness_scale, samples)
            objective = objective + (PUBLISHED.emptiness_weight * empty - (score * rendering.image).sum()) / views
        optimiser.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def authors_step(authors: AuthorsCode, field: VoxelField, size: int = 64) -> Callable[[int], None]:
    """A step of the authors' renderer and optimiser, in the order of their program."""
    theirs = authors.field_like(field)
    optimiser = torch.optim.Adamax(theirs.opt_params(), lr=PUBLISHED.learning_rate)
    box = theirs.aabb.T.numpy()
    score = torch.randn(size * size, len(field.feature_grid), generator=torch.Generator().manual_seed(1))

    def step(index: int) -> None:
        optimiser.zero_grad()
        rays = view(index, size)
        _, near, far = authors.render.ray_box_intersect(rays.origins.numpy(), rays.directions.numpy(), box)
        near, far = (torch.as_tensor(t, dtype=torch.float32).clamp(min=0) for t in (near, far))
        image, _, weights = authors.render.render_ray_bundle(theirs, rays.origins, rays.directions, near, far)
        image.backward(-score, retain_graph=True)
        loss = PUBLISHED.emptiness_weight * torch.log(1 + PUBLISHED.emptiness_scale * weights).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def contender_step(name: str, state: str, reference: Path | None, resolution: int = 100) -> Callable[[int], None]:
    """A step of one of `CONTENDERS`."""
    if name == "authors":
        assert reference is not None, "the authors' code has to be there"
        return authors_step(AuthorsCode(reference), field_in_state(state, resolution))
    return our_step(field_in_state(state, resolution, name))


def main() -> None:
    """Print the peak of memory over what the process had before the field was made, in bytes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--state", default="converged", choices=STATES)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--resolution", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # What is imported and compiled on the way is no part of a step's memory.
    contender_step(arguments.contender, arguments.state, arguments.reference, 16)(0)
    gc.collect()
    base = resident_bytes()
    step = contender_step(arguments.contender, arguments.state, arguments.reference, arguments.resolution)
    for index in range(3):
        step(index)
    json.dump({"peak_over_base": peak_bytes() - base}, sys.stdout)


if __name__ == "__main__":
    main()
