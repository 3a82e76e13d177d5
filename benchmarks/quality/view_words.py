"""What a model's words for the views are worth: pictures drawn for each of them, and the side that the recogniser sees.

``python -m benchmarks.quality.view_words FOLDER`` draws pictures of the stress prior's objects from the front, the side
and the back with the paper's texts, and prints the mean probability that the recogniser gives to sides within 60
degrees of the one that was asked for. A preset cannot tell sides apart that the model itself does not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import mean

import torch

from benchmarks.quality.janus import TOLERANCE, apart
from benchmarks.quality.recogniser import CENTRES, NAMES, load_recogniser, recognise
from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.engine.image_files.srgb import write_png
from sjc_blender.engine.sampling2d.karras import sample_karras
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import presets
from sjc_blender.protocol.model_profile import load_profile
from training.stress import OBJECTS

VIEWS = {"front": 0.0, "side": 90.0, "back": 180.0}
STEPS = 30


@torch.no_grad()
def main() -> int:
    """Draw, look, tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.view_words", description=__doc__)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--pictures", type=int, default=6, help="of each object and view")
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--colour", default="red")
    parser.add_argument("--out", type=Path, help="a PNG of the first of each: objects downwards, views to the right")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = load_recogniser()
    profile = load_profile(arguments.model)
    model = load_score_model(presets.new_job("a duck", model=arguments.model).model)
    right: dict[str, list[float]] = {view: [] for view in VIEWS}
    named: list[float] = []
    rows = []
    for index, name in enumerate(OBJECTS):
        row = []
        spec = presets.new_job(
            f"a {arguments.colour} {name}",
            model=arguments.model,
            optimisation={"guidance_scale": arguments.guidance, "guidance_rescale": 0.0},
        )
        conditioner = conditioner_for(spec, profile, model)
        for view, azimuth in VIEWS.items():
            generator = torch.Generator().manual_seed(index)
            shape = (arguments.pictures, model.channels, model.sample_size, model.sample_size)
            condition = conditioner.at(viewpoint_of(orbit_camera(azimuth, 15.0, 2.0, 50.0)))
            drawn = sample_karras(model, condition, torch.randn(shape, generator=generator), STEPS, generator)
            pictures = torch.stack(list(model.decode(drawn))).clamp(0, 1)
            seen = recognise(network, torch.nn.functional.interpolate(pictures, size=(64, 64), mode="bilinear"))
            near = apart(CENTRES, torch.tensor(azimuth)) <= TOLERANCE
            right[view] += (seen.sectors * near).sum(dim=1).tolist()
            named += (seen.objects.argmax(dim=1) == NAMES.index(name)).float().tolist()
            row.append(pictures[0])
        rows.append(torch.cat(row, dim=2))
        print(name, *(f"{view} {mean(found[-arguments.pictures :]):.2f}" for view, found in right.items()), flush=True)
    print("mean", *(f"{view} {mean(found):.2f}" for view, found in right.items()), f"named {mean(named):.2f}")
    if arguments.out is not None:
        write_png(arguments.out, torch.cat(rows, dim=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
