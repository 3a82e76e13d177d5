"""Every object of the built-in prior, made and measured against its procedural shape.

``python -m benchmarks.builtin_objects --out DIR`` runs one job an object through the engine's
command line (an interrupted run goes on), then writes ``objects.json`` and ``objects.png``,
a contact sheet of all of them, failures included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy import ndimage

from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.surface.solidity import solidity
from training import shapes


@dataclass(frozen=True)
class Measured:
    """One object against the shape it was trained on, in the true orientation.

    Attributes
    ----------
    iou : float
        Intersection over union of the voxels.
    chamfer : float
        Mean distance between the two surfaces, both ways, in voxels.
    """

    prompt: str
    iou: float
    chamfer: float
    seconds: float


def main() -> None:
    """Make, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/objects"))
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="jobs at a time, one thread each")
    parser.add_argument("--objects", nargs="*", help="only these")
    parser.add_argument("--set", action="append", default=[], help="as the engine's --set")
    arguments = parser.parse_args()
    vocabulary = load_profile("builtin").vocabulary
    assert vocabulary is not None, "the built-in prior has a vocabulary"
    names = arguments.objects or list(vocabulary.objects)
    colours = vocabulary.colours
    prompts = {
        name: vocabulary.template.format(colour=colours[index % len(colours)], object=name)
        for index, name in enumerate(vocabulary.objects)
        if name in names
    }
    with ThreadPoolExecutor(arguments.workers) as pool:
        folders = {name: arguments.out / name for name in prompts}
        list(pool.map(lambda name: _make(prompts[name], folders[name], arguments), prompts))
    rows = [measure(name, prompts[name], folders[name]) for name in prompts]
    for row in rows:
        print(f"{row.prompt:24} IoU {row.iou:.3f}   chamfer {row.chamfer:.2f} voxels   {row.seconds:.0f} s")
    mean = {"iou": float(np.mean([row.iou for row in rows])), "chamfer": float(np.mean([row.chamfer for row in rows]))}
    print(f"{'mean':24} IoU {mean['iou']:.3f}   chamfer {mean['chamfer']:.2f} voxels")
    summary = {
        "preset": arguments.preset,
        "seed": arguments.seed,
        "mean": mean,
        "objects": [asdict(row) for row in rows],
    }
    (arguments.out / "objects.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    _sheet([(row, folders[name]) for name, row in zip(prompts, rows, strict=True)], arguments.out / "objects.png")


def _make(prompt: str, folder: Path, arguments: argparse.Namespace) -> None:
    if (folder / "result" / "metrics.json").exists():
        return
    command = [sys.executable, "-m", "sjc_blender.engine", "generate", "--prompt", prompt, "--out", str(folder)]
    command += ["--preset", arguments.preset, "--seed", str(arguments.seed)]
    for change in arguments.set:
        command += ["--set", change]
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}.log"
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
    if code != 0:
        raise SystemExit(f"{prompt}: the engine ended with {code}, see {log}")


def measure(name: str, prompt: str, folder: Path) -> Measured:
    """Compare the finished job in `folder` with the shape `name`."""
    metrics = json.loads((folder / "result" / "metrics.json").read_text(encoding="utf-8"))
    with np.load(folder / "result" / "field.npz", allow_pickle=False) as field:
        density, voxel, half = field["density"], float(field["voxel_size"]), field["half_extents"]
    threshold = float(metrics["mesh_threshold"])
    made = solidity(density, voxel) > threshold
    axes = [-h + (np.arange(n) + 0.5) * voxel for h, n in zip(half, density.shape, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)
    truth = shapes.occupancy(name, torch.from_numpy(points)).numpy().reshape(density.shape)
    iou = float((made & truth).sum() / max(1, (made | truth).sum()))
    return Measured(prompt, iou, _chamfer(made, truth), float(metrics["seconds_optimising"]))


def _chamfer(a: np.ndarray, b: np.ndarray) -> float:
    if not a.any() or not b.any():
        return float("nan")
    surface_a, surface_b = (mask & ~ndimage.binary_erosion(mask) for mask in (a, b))
    to_a, to_b = (ndimage.distance_transform_edt(~surface) for surface in (surface_a, surface_b))
    return float((to_b[surface_a].mean() + to_a[surface_b].mean()) / 2)


def _sheet(rows: list[tuple[Measured, Path]], path: Path) -> None:
    pictures = [Image.open(folder / "result" / "turntable.png").convert("RGB") for _, folder in rows]
    label, width = 18, max(picture.width for picture in pictures)
    pictures = [p.resize((width, round(p.height * width / p.width)), Image.Resampling.LANCZOS) for p in pictures]
    sheet = Image.new("RGB", (width, sum(picture.height + label for picture in pictures)), "white")
    draw, top = ImageDraw.Draw(sheet), 0
    for (row, _), picture in zip(rows, pictures, strict=True):
        draw.text((4, top + 3), f"{row.prompt}: IoU {row.iou:.2f}, chamfer {row.chamfer:.2f} voxels", fill="black")
        sheet.paste(picture, (0, top + label))
        top += picture.height + label
    sheet.save(path)


if __name__ == "__main__":
    main()
