"""The engine's renderer and its SJC update against the authors' own, for the same parameters.

``python -m benchmarks.against_authors --reference PATH`` takes a checkout of the authors' repository
(https://github.com/pals-ttic/sjc); nothing of it is part of this one. It prints a table and writes
``build/against_authors.json``.

What has to be the same before numbers can be compared, and how it is made so:

- *Samples.* The authors put the samples of a ray at the beginning of its segments and let the last
  segment reach out of the box; the engine puts them in the middle and ends with the box. Here the
  engine's renderer is given the authors' samples. How far the renderers are apart as they are is in
  the table too.
- *The border.* Within half a voxel of the box's faces the authors' grids fade to 0 and the engine's
  keep their value. The outermost voxels are 0 here, so that both are.
- *The background.* The authors' texture is darkened at its seam and has its pole on a horizontal axis
  (their up is Y); the engine corrects both. Both sides are given one colour here.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.optimisation.estimator import paas_gradient
from sjc_blender.engine.optimisation.losses import emptiness
from sjc_blender.engine.radiance import marching, renderer
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.spec import OptimisationSpec

from .speed.authors_code import AuthorsCode

RESOLUTION, SIZE, CHANNELS = 40, 32, 4
BACKGROUND = (0.3, -0.2, 0.1, 0.4)
UPDATES = 3
LIMITS = {"image": 1e-4, "weights": 1e-4, "depth": 1e-3, "gradient": 1e-3, "update": 1e-2}
"""Largest differences that pass: absolute in pictures, weights and depths, relative to the largest value in gradients.

In updates, the norm of the difference relative to that of the movement. Adamax divides a gradient by its own size:
where a voxel's gradient is nothing but rounding, it moves as far as any other, in rounding's direction.
"""


def field_like(authors: AuthorsCode, field: VoxelField) -> Any:
    """Their field with the parameters of ours, before the one colour."""
    theirs = authors.field_like(field)
    theirs.compute_bg = lambda uv: torch.tensor(BACKGROUND).expand(len(uv), -1)
    return theirs


def authors_samples(field: VoxelField, rays: Rays) -> marching.Samples:
    """Samples of the engine's renderer where the authors have them."""
    step = field.voxel_size / marching.STEPS_PER_VOXEL
    entry, length = marching.intersect_box(rays, field.half_extents)
    count = int(float(length.max()) / step) + 1
    starts = step * torch.arange(count)
    distances = entry[:, None] + starts
    points = rays.origins[:, None] + rays.directions[:, None] * distances[..., None]
    # The first sample is on the box's face; rounding must not put it outside, where the engine has no density.
    points = torch.minimum(torch.maximum(points, -field.half_extents), field.half_extents)
    lengths = torch.where(starts < length[:, None], step, 0.0)
    return marching.Samples(points.view(-1, 3), distances, lengths)


def random_field(generator: torch.Generator) -> VoxelField:
    """A field of random voxels that are 0 at the border; every other one is in a box that is no cube."""
    extents = (1.0, 0.7, 0.85) if torch.rand((), generator=generator) < 0.5 else (1.0, 1.0, 1.0)
    field = VoxelField(extents, RESOLUTION, CHANNELS, background=BACKGROUND, renderer="torch", generator=generator)
    border = torch.zeros(field.shape)
    border[1:-1, 1:-1, 1:-1] = 1
    with torch.no_grad():
        field.density_grid.copy_(border * 4 * torch.randn(field.shape, generator=generator))
        field.feature_grid.mul_(border)
        field.density_scale.copy_(0.3 * torch.randn((), generator=generator))
    return field


def random_rays(generator: torch.Generator, index: int) -> Rays:
    """A camera around the box; every third is inside it, every third so far away that rays miss."""
    azimuth, elevation, share = torch.rand(3, generator=generator).tolist()
    distance = (1.5, 0.4, 4.0)[index % 3]
    camera = orbit_camera(360 * azimuth - 180, 150 * elevation - 70, distance, 40 + 30 * share)
    return camera_rays(camera, SIZE, SIZE)


def compare_renderers(authors: AuthorsCode, seed: int) -> dict[str, float]:
    """Differences of pictures, weights and gradients for one field and camera."""
    generator = torch.Generator().manual_seed(seed)
    field, rays = random_field(generator), random_rays(generator, seed)
    theirs = field_like(authors, field)
    image, depth, weights = authors.rendering(theirs, rays)
    as_they_are = renderer.render(field, rays)
    with mock.patch.object(marching, "place_samples", authors_samples):
        ours = renderer.render(field, rays)
    our_image, our_depth = ours.image.flatten(1).T, ours.depth.flatten()
    probe = torch.randn(image.shape, generator=generator)

    def objective(image: Tensor, depth: Tensor, weights: Tensor) -> Tensor:
        return (probe * image).sum() + depth.sum() + torch.log1p(10 * weights).sum()

    objective(our_image, our_depth, ours.weights).backward()  # type: ignore[no-untyped-call]
    objective(image, depth[:, 0], weights).backward()  # type: ignore[no-untyped-call]
    pairs = {
        "density": (field.density_grid.grad, theirs.density.grad[0].permute(0, 3, 2, 1)),
        "feature": (field.feature_grid.grad, theirs.color.grad[0].permute(0, 3, 2, 1)),
        "scale": (field.density_scale.grad, theirs.d_scale.grad),
    }
    return {
        "image": _largest(our_image, image),
        "weights": _largest(ours.weights, weights.T),
        "depth": _largest(our_depth, depth[:, 0]),
        **{f"gradient of {name}": _relative(_inner(a), _inner(b)) for name, (a, b) in pairs.items()},
        "image as it is, mean": float((as_they_are.image.flatten(1).T - image).detach().abs().mean()),
    }


class _KnownDenoiser:
    """The exact denoiser of N(0, 1) data, for both sides."""

    sigmas = torch.tensor([0.5, 1.3, 4.0], dtype=torch.float64)

    def denoise(self, z: Tensor, timestep: int, condition: Condition) -> Tensor:
        return z / (1 + float(self.sigmas[timestep]) ** 2)


def compare_updates(authors: AuthorsCode, seed: int) -> dict[str, float]:
    """Difference of a step's gradient, and of the parameters after some SJC updates with the same views and noises."""
    generator = torch.Generator().manual_seed(seed)
    field = random_field(generator)
    theirs = field_like(authors, field)
    model: Any = _KnownDenoiser()
    settings = OptimisationSpec()
    start = {name: p.detach().clone() for name, p in field.named_parameters()}
    our_optimiser = torch.optim.Adamax(
        field.parameter_groups(settings.learning_rate, settings.background_learning_rate)
    )
    their_optimiser = torch.optim.Adamax([theirs.density, theirs.color, theirs.d_scale], lr=settings.learning_rate)
    for index in range(UPDATES):
        rays = random_rays(generator, 3 * index)
        noise = torch.randn(1, CHANNELS, SIZE, SIZE, generator=generator)
        sigma = float(model.sigmas[index])

        image, _, weights = authors.rendering(theirs, rays)
        y = image.T.reshape(1, CHANNELS, SIZE, SIZE)
        perturbed = y.detach() + sigma * noise
        score = (model.denoise(perturbed, index, Condition()) - y.detach()) / sigma
        their_optimiser.zero_grad()
        y.backward(-score, retain_graph=True)  # type: ignore[no-untyped-call]
        (settings.emptiness_weight * torch.log(1 + settings.emptiness_scale * weights).mean()).backward()  # type: ignore[no-untyped-call]
        their_optimiser.step()

        with mock.patch.object(marching, "place_samples", authors_samples):
            rendering = renderer.render(field, rays, emptiness_scale=settings.emptiness_scale)
        ours = rendering.image[None]
        score = paas_gradient(model, ours.detach(), index, [Condition()], noise[:, None], settings)
        # As published, the mean runs over the samples of this very view; see `losses.emptiness`.
        samples = rendering.weights.numel() / (64 * 64)
        empty = emptiness(rendering.log_sums, samples)
        our_optimiser.zero_grad()
        (settings.emptiness_weight * empty - (score * ours).sum()).backward()  # type: ignore[no-untyped-call]
        if index == 0:
            gradients = (field.density_grid.grad, theirs.density.grad[0].permute(0, 3, 2, 1))
            first = _relative(*map(_inner, gradients))
        our_optimiser.step()
    moved = {
        "update of density": (_inner(field.density_grid), _inner(theirs.density[0].permute(0, 3, 2, 1))),
        "update of feature": (_inner(field.feature_grid), _inner(theirs.color[0].permute(0, 3, 2, 1))),
        "update of scale": (field.density_scale, theirs.d_scale),
    }
    before = {"density": _inner(start["density_grid"]), "feature": _inner(start["feature_grid"])}
    before["scale"] = start["density_scale"]
    return {"gradient of an SJC step": first} | {
        name: float((a - b).detach().norm() / (b - before[name.split()[-1]]).detach().norm())
        for name, (a, b) in moved.items()
    }


def _inner(values: Tensor | None) -> Tensor:
    """Values of a grid without its border, or a number as it is."""
    assert values is not None
    return values[:, 1:-1, 1:-1, 1:-1] if values.ndim else values


def _largest(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().max())


def _relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def main() -> int:
    """Compare over the seeds, print the table, write the file; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description="compare with the authors' code")
    parser.add_argument("--reference", type=Path, required=True, help="checkout of github.com/pals-ttic/sjc")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("build/against_authors.json"))
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Default grid_sample")  # of their calls; the default is what they mean
    authors = AuthorsCode(arguments.reference.resolve())
    rows = [compare_renderers(authors, seed) | compare_updates(authors, seed) for seed in range(arguments.seeds)]
    table = {}
    print(f"{'largest difference':26}{'median':>12}{'worst':>12}{'limit':>10}{'within':>10}")
    for name in rows[0]:
        values = torch.tensor([row[name] for row in rows], dtype=torch.float64)
        limit = LIMITS.get(name.split()[0]) if "as it is" not in name else None
        within = int((values <= limit).sum()) if limit is not None else None
        table[name] = {"median": float(values.median()), "worst": float(values.max()), "limit": limit, "within": within}
        shown = f"{limit:10.0e}{within:>7}/{len(rows)}" if limit is not None else ""
        print(f"{name:26}{float(values.median()):12.1e}{float(values.max()):12.1e}{shown}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"seeds": len(rows), "differences": table}, indent=2) + "\n", encoding="utf-8")
    return int(any(row["within"] is not None and row["within"] < len(rows) for row in table.values()))


if __name__ == "__main__":
    sys.exit(main())
