# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and reading the set of traced views.

A shard keeps the base picture and the main part's shading of every view as
bytes, so that any colour can be put on it later without tracing again. A
mirrored picture of a mirror-symmetric object is another true view, which
doubles the data.
"""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.shapes import MIRROR_PLANE, OBJECTS
from training.tracing import Camera, shade

SIZE = 64
ELEVATION = (-8.0, 75.0)
DISTANCE = (1.98, 2.07)
FIELD_OF_VIEW = (54.0, 56.0)
NAMES = tuple(OBJECTS)
VIEWS_PER_SHAPE = 6
SHARES: dict[str, float] = {"mushroom": 0.4, "mug": 2.0, "bear": 2.0, "teapot": 2.0}
"""How often an object is drawn, relative to the others: less without a front, more with much to tell apart."""


@dataclass(frozen=True)
class Views:
    """Traced views.

    Attributes
    ----------
    kind
        Index into `NAMES`, ``[n]``.
    camera
        Azimuth, elevation, distance and field of view, ``[n, 4]``.
    base
        Accents and background as bytes, ``[n, 64, 64, 3]``.
    mask
        Shading of the main part as bytes, ``[n, 64, 64]``.
    """

    kind: np.ndarray
    camera: np.ndarray
    base: np.ndarray
    mask: np.ndarray

    def __len__(self) -> int:
        """Return the number of views."""
        return len(self.kind)

    def pictures(self, index: np.ndarray, colours: np.ndarray) -> np.ndarray:
        """Return pictures ``[k, 64, 64, 3]`` in 0..1 of the views `index` in `colours`."""
        base = self.base[index].astype(np.float32) / 255.0
        mask = self.mask[index].astype(np.float32) / 255.0
        return base + mask[..., None] * colours[:, None, None, :].astype(np.float32)

    def only(self, index: np.ndarray) -> Views:
        """Return the views that `index` (places or booleans) picks."""
        return Views(self.kind[index], self.camera[index], self.base[index], self.mask[index])

    def mirrored(self) -> Views:
        """Return the mirror images, which are views from the mirrored azimuth."""
        across_y = np.array([MIRROR_PLANE[name] == "y" for name in NAMES])[self.kind]
        camera = self.camera.copy()
        camera[:, 0] = np.where(across_y, 180.0 - camera[:, 0], -camera[:, 0]) % 360.0
        return Views(self.kind, camera, self.base[:, :, ::-1], self.mask[:, :, ::-1])

    @staticmethod
    def joined(views: list[Views]) -> Views:
        """Return all views as one set."""
        return Views(
            *(np.concatenate([getattr(v, name) for v in views]) for name in ("kind", "camera", "base", "mask"))
        )


def draw_camera(generator: np.random.Generator) -> Camera:
    """Return a random camera of those that the prior is trained on."""
    return Camera(
        float(generator.uniform(0.0, 360.0)),
        float(generator.uniform(*ELEVATION)),
        float(generator.uniform(*DISTANCE)),
        float(generator.uniform(*FIELD_OF_VIEW)),
    )


def trace_shard(path: Path, count: int, seed: int, shares: dict[str, float]) -> None:
    """Trace `count` views of random objects (1 is the usual share) and proportions into the file `path`."""
    torch.set_num_threads(1)
    generator = np.random.default_rng(seed)
    weights = np.array([shares.get(name, 1.0) for name in NAMES])
    kinds: list[int] = []
    cameras: list[tuple[float, float, float, float]] = []
    bases: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    while len(kinds) < count:
        kind = int(generator.choice(len(NAMES), p=weights / weights.sum()))
        views = [draw_camera(generator) for _ in range(VIEWS_PER_SHAPE)]
        base, mask = shade(NAMES[kind], views, SIZE, seed=int(generator.integers(2**31)))
        kinds += [kind] * len(views)
        cameras += [(c.azimuth, c.elevation, c.distance, c.fov) for c in views]
        bases.append((base.clip(0, 1) * 255.0 + 0.5).astype(np.uint8))
        masks.append((mask.clip(0, 1) * 255.0 + 0.5).astype(np.uint8))
    temporary = path.with_suffix(".partial.npz")
    np.savez(
        temporary,
        kind=np.array(kinds[:count], np.int64),
        camera=np.array(cameras[:count], np.float32),
        base=np.concatenate(bases)[:count],
        mask=np.concatenate(masks)[:count],
    )
    temporary.replace(path)


def make(folder: Path, shards: int = 24, per_shard: int = 504, workers: int = 2) -> None:
    """Trace the training shards and one held-out shard that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[Path, int, int, dict[str, float]]] = [(folder / "heldout.npz", 1200, 990_001, {})]
    jobs += [(folder / f"train-{k:03d}.npz", per_shard, 1000 + k, SHARES) for k in range(shards)]
    missing = [job for job in jobs if not job[0].exists()]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.starmap(trace_shard, missing, chunksize=1)


def load(folder: Path, pattern: str = "train-*.npz") -> Views:
    """Read all shards of `folder` that match `pattern`."""
    shards = []
    for path in sorted(folder.glob(pattern)):
        if ".partial" in path.name:
            continue
        with np.load(path, allow_pickle=False) as data:
            shards.append(Views(data["kind"], data["camera"], data["base"], data["mask"]))
    return Views.joined(shards)
