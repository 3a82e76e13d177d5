"""Whether the mugs that were made are open: how much of the true cavity is empty, and a look from above.

``python -m benchmarks.quality.cavity`` prints a line a mug of every row, and draws a row's mugs from above, into a
picture beside the row's others. A mug's cavity is a small part of it, and dark: no other measure says much of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy import ndimage

from benchmarks.quality.looks import Lens
from benchmarks.quality.measure import Made
from benchmarks.quality.shape import Mask, true_solid
from benchmarks.quality.truth import made_of
from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.image_files.srgb import over_grey
from sjc_blender.engine.pictures.result_pictures import ResultPictures
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.protocol.job_folder import JobFolder

NAME = "mug"
TOP = 0.25
"""Share of the cavity's height, from above, that counts as the mouth."""

ABOVE = 1 / 48
"""Share of the grid's height above the brim that has to be empty as well for a mouth to be open."""

AZIMUTH, ELEVATION, SIZE = 60.0, 60.0, 96
A_LINE = 8


@dataclass(frozen=True)
class Cavity:
    """Shares of a true cavity that a made solid leaves empty: of its `volume`, and of its `mouth`, seen from above."""

    volume: float
    mouth: float


def cavity(solid: Mask, truth: Mask) -> Cavity:
    """Compare a made solid with the true one, [nx, ny, nz] both, whose cavity is what each of its levels encloses."""
    layers = [ndimage.binary_fill_holes(truth[..., z]) & ~truth[..., z] for z in range(truth.shape[2])]
    hollow = np.stack(layers, axis=2)
    levels = np.flatnonzero(hollow.any(axis=(0, 1)))
    brim = levels[-1]
    deep = max(1, round(TOP * len(levels)))
    above = round(ABOVE * truth.shape[2])
    closed = solid[:, :, brim - deep + 1 : brim + above + 1].any(axis=2)
    mouth = hollow[:, :, brim]
    return Cavity(float((hollow & ~solid).sum() / hollow.sum()), float((mouth & ~closed).sum() / mouth.sum()))


def from_above(grid: RadianceGrid) -> npt.NDArray[np.uint8]:
    """A picture [H, W, 3] from 60 degrees of elevation."""
    lens = Lens.usual()
    camera = orbit_camera(AZIMUTH, ELEVATION, lens.distance, lens.field_of_view)
    picture = over_grey(ResultPictures(grid).view(camera, SIZE).rgba)
    return (255 * picture.permute(1, 2, 0)).round().to(torch.uint8).numpy()


def main() -> int:
    """Tell of all mugs below a folder, and of the true one; 1 if there is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.cavity", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/quality"), help="where the benchmark's jobs lie")
    out: Path = parser.parse_args().out
    torch.set_num_threads(1)
    print("| mug | cavity empty | mouth open |\n|---|---|---|")
    _tell("the true shape", [_of(made_of(NAME, "blue", 96))])
    folders = sorted(path.parent for path in out.glob(f"*/{NAME}-*/quality.json"))
    for row, of_row in groupby(folders, key=lambda folder: folder.parent):
        found, pictures = [], []
        for folder in of_row:
            made = Made.read(JobFolder(folder))
            found.append(_of(made))
            pictures.append(from_above(made.grid))
            _tell(f"{row.name}, {folder.name}", found[-1:])
        _tell(f"**{row.name}**, mean of {len(found)}", found)
        _draw(pictures, out / f"{row.name}-mugs.png")
    return 0 if folders else 1


def _of(made: Made) -> Cavity:
    return cavity(made.solid(), true_solid(NAME, made.grid))


def _tell(label: str, found: Sequence[Cavity]) -> None:
    volume, mouth = (np.mean([getattr(one, name) for one in found]) for name in ("volume", "mouth"))
    print(f"| {label} | {volume:.2f} | {mouth:.2f} |", flush=True)


def _draw(pictures: Sequence[npt.NDArray[np.uint8]], path: Path) -> None:
    lines = -(-len(pictures) // A_LINE)
    sheet = np.full((lines * SIZE, min(len(pictures), A_LINE) * SIZE, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // A_LINE * SIZE, place % A_LINE * SIZE
        sheet[top : top + SIZE, left : left + SIZE] = picture
    Image.fromarray(sheet).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
