"""What the measures say of the true shapes themselves: the best that a grid of voxels can come to.

``python -m benchmarks.quality.truth`` prints the table; ``--resolution`` is that of the presets to compare with.
"""

from __future__ import annotations

import argparse

import torch

from benchmarks.quality.measure import Made, measure
from benchmarks.quality.recogniser import COLOUR_NAMES, NAMES, load_recogniser
from benchmarks.quality.table import means, table
from benchmarks.quality.true_shape import true_grid
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.surface.surface import SurfaceCutter

LOWEST = load_profile("builtin").orbit.elevation[0]


def made_of(name: str, colour: str, resolution: int) -> Made:
    """The true shape as if a job had made it."""
    grid = true_grid(name, colour, resolution)
    surface = SurfaceCutter(grid.density_grid.numpy(), grid.rgb_grid.numpy(), grid.voxel_size, lowest_view=LOWEST).cut()
    return Made(grid, surface.threshold, LOWEST, surface.vertices, surface.faces, surface.normals)


def main() -> None:
    """Measure every object in one colour, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolution", type=int, default=48)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = load_recogniser()
    figures = {}
    for place, name in enumerate(NAMES):
        colour = COLOUR_NAMES[place % len(COLOUR_NAMES)]
        figures[name] = measure(made_of(name, colour, arguments.resolution), name, colour, network)
    lines = {name: means([found]) for name, found in figures.items()}
    print(table("true shape", {**lines, "**mean**": means(list(figures.values()))}))


if __name__ == "__main__":
    main()
