"""PAAS and no PAAS in 2D, with the built-in prior: clean pictures that are not what the prompt says, put right.

Each run climbs the score from a clean picture by `sample_paas`. How far its end is from what the model draws by itself
is the distance (root mean square, latents) to the nearest of Karras samples of the same prompt and view; that of a
sample to its own nearest other is what cannot be bettered. ``python -m benchmarks.paas_2d --out FILE.png`` prints a
table and draws the ends.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.engine.image_files.srgb import write_png
from sjc_blender.engine.sampling2d.karras import sample_karras
from sjc_blender.engine.sampling2d.paas import Estimator, sample_paas
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition, ScoreModel
from sjc_blender.protocol import presets
from sjc_blender.protocol.model_profile import load_profile

WANTED, OTHER = "a red chair", "a blue car"
PICTURES = 4
SAMPLES = 16
STEPS = 150
RUNS: tuple[tuple[str, float | None, int], ...] = (("falling", None, 1), ("1", 1.0, 8), ("2", 2.0, 8))
"""Name, noise level (None: from the highest to the lowest), noises a step: at one level a single one stays visible."""


@torch.no_grad()
def main() -> None:
    """Measure, tell, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/paas-2d.png"))
    arguments = parser.parse_args()
    model = load_score_model(presets.new_job(WANTED).model)
    wanted = seen(model, WANTED)
    samples = karras(model, wanted, SAMPLES, 100)
    starts = {
        OTHER: karras(model, seen(model, OTHER), PICTURES, 0),
        "flat grey": samples[:, :, :2].mean(dim=(0, 2, 3)).view(1, -1, 1, 1).expand(PICTURES, *samples.shape[1:]),
    }
    distances = (samples[:, None] - samples[None]).square().mean(dim=(2, 3, 4)).sqrt()
    distances.fill_diagonal_(torch.inf)
    print(f"samples among themselves: {told(distances.amin(dim=1))}")
    print("| from | noise level | start | `none` | `eq15` |", flush=True)
    rows = []
    for name, start in starts.items():
        ends = [start]
        for level, sigma, noises in RUNS:
            pair = [climbed(model, wanted, start, estimator, sigma, noises) for estimator in ("none", "eq15")]
            measured = " | ".join(told(nearest(picture, samples)) for picture in (start, *pair))
            print(f"| {name} | {level} | {measured} |", flush=True)
            if sigma is None:
                ends += pair
        rows.append(torch.cat([picture for end in ends for picture in model.decode(end)], dim=2))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_png(arguments.out, torch.cat(rows, dim=1))


def seen(model: ScoreModel, prompt: str) -> Condition:
    """The condition of a prompt from the front right, a little above; guidance as of ``sample2d``."""
    spec = presets.new_job(prompt, optimisation={"guidance_scale": 4.0})
    profile = load_profile("builtin")
    orbit = profile.orbit
    camera = orbit_camera(45.0, 20.0, sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2)
    return conditioner_for(spec, profile, model).at(viewpoint_of(camera))


def karras(model: ScoreModel, condition: Condition, count: int, seed: int) -> Tensor:
    """Draw samples [count, C, H, W] of the model itself."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, model.channels, model.sample_size, model.sample_size, generator=generator)
    return sample_karras(model, condition, noise, 30, generator)


def climbed(
    model: ScoreModel, condition: Condition, start: Tensor, estimator: Estimator, sigma: float | None, noises: int
) -> Tensor:
    """The ends of the runs from `start`, one for each seed from 0 on."""
    count = noises if estimator != "none" else 1
    return torch.cat(
        [
            sample_paas(
                model,
                condition,
                picture[None],
                STEPS,
                torch.Generator().manual_seed(seed),
                estimator=estimator,
                fixed_sigma=sigma,
                noises=count,
            )
            for seed, picture in enumerate(start)
        ]
    )


def nearest(pictures: Tensor, samples: Tensor) -> Tensor:
    """Distance [B] of each picture to its nearest sample."""
    return (pictures[:, None] - samples[None]).square().mean(dim=(2, 3, 4)).sqrt().amin(dim=1)


def told(distances: Tensor) -> str:
    """Mean and range."""
    return f"{distances.mean():.2f} ({distances.min():.2f}-{distances.max():.2f})"


if __name__ == "__main__":
    main()
