"""Training of the recogniser on the traced views of ``python -m training data``.

``python -m benchmarks.quality.train_recogniser`` takes some ten minutes on one core and writes the weights, in half
precision, beside the program, with what the network is worth on held-out shapes.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.quality import augmentation
from benchmarks.quality.janus import is_turned
from benchmarks.quality.recogniser import (
    CENTRES,
    COLOUR_NAMES,
    NAMES,
    SECTORS,
    WEIGHTS,
    Recogniser,
    load_recogniser,
    recognise,
)
from training import dataset
from training.shapes import SYMMETRIC

ELEVATIONS = (0.0, 45.0)
"""Cameras of the pictures that are trained on: those of results stand at 20 degrees."""


def chosen(views: dataset.Views) -> dataset.Views:
    """Return the views, and their mirror images, from the elevations that results are looked at from."""
    views = views.only((views.camera[:, 1] > ELEVATIONS[0]) & (views.camera[:, 1] < ELEVATIONS[1]))
    return dataset.Views.joined([views, views.mirrored()])


def sector_targets(azimuths: np.ndarray) -> Tensor:
    """Return how much of each azimuth belongs to each of the sectors on either side, ``[n, sectors]``."""
    apart = (torch.from_numpy(azimuths.astype(np.float32))[:, None] - CENTRES + 180.0) % 360.0 - 180.0
    return (1.0 - apart.abs() * SECTORS / 360.0).clamp(min=0.0)


def objective(network: Recogniser, views: dataset.Views, index: np.ndarray, generator: np.random.Generator) -> Tensor:
    """Return the summed cross entropy of the three heads; an object without a front has no azimuth."""
    colour = generator.integers(len(COLOUR_NAMES), size=len(index))
    kinds, colours, sectors = network(augmentation.pictures(views, index, colour, generator))
    kind = torch.from_numpy(views.kind[index])
    sided = torch.tensor([NAMES[k] not in SYMMETRIC for k in views.kind[index]]).float()
    turn = F.cross_entropy(sectors, sector_targets(views.camera[index, 0]), reduction="none")
    loss: Tensor = F.cross_entropy(kinds, kind) + F.cross_entropy(colours, torch.from_numpy(colour))
    return loss + (turn * sided).mean()


def accuracy(network: Recogniser, views: dataset.Views) -> dict[str, float]:
    """Return the shares of augmented pictures that are named right, and of those that are taken for another side."""
    generator = np.random.default_rng(5)
    index = np.arange(len(views))
    colour = generator.integers(len(COLOUR_NAMES), size=len(index))
    seen = recognise(network, augmentation.pictures(views, index, colour, generator))
    sided = np.array([NAMES[kind] not in SYMMETRIC for kind in views.kind])
    turned = is_turned(seen.sectors, torch.from_numpy(views.camera[:, 0]))
    return {
        "pictures": float(len(index)),
        "object": float((seen.objects.argmax(1).numpy() == views.kind).mean()),
        "colour": float((seen.colours.argmax(1).numpy() == colour).mean()),
        "turned": float(turned.numpy()[sided].mean()),
    }


def train(folder: Path, seconds: float, batch: int = 48, rate: float = 2e-3) -> Recogniser:
    """Train for `seconds` of processor time on ``folder/data``."""
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    views = chosen(dataset.load(folder / "data"))
    network = Recogniser()
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.02)
    begin, told, done, step = time.process_time(), 0.0, 0.0, 0
    while done < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        optimiser.zero_grad()
        loss = objective(network, views, generator.integers(len(views), size=batch), generator)
        loss.backward()
        optimiser.step()
        step += 1
        done = min(1.0, (time.process_time() - begin) / seconds)
        if done >= told + 0.05:
            told = done
            print(f"{done:4.0%} step {step} loss {loss.item():.3f}", flush=True)
    return network.eval()


def main() -> None:
    """Train (but for ``--seconds 0``), save, and measure what was saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/training"), help="working folder of the training")
    parser.add_argument("--seconds", type=float, default=400.0, help="processor time; 0 measures what is there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.seconds > 0:
        network = train(arguments.folder, arguments.seconds)
        save_file({name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}, WEIGHTS)
    figures = accuracy(load_recogniser(), chosen(dataset.load(arguments.folder / "data", "heldout.npz")))
    WEIGHTS.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(figures)


if __name__ == "__main__":
    main()
