# SPDX-License-Identifier: GPL-3.0-or-later
"""The model card: what the prior knows, how it was made and how good it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL

from training import captions, dataset, probe
from training.denoiser import build, runs
from training.shapes import COLOURS, OBJECTS, SYMMETRIC
from training.text import LENGTH, build_encoder, build_tokenizer

_TEMPLATE = Path(__file__).with_suffix(".md")


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


def _table(made: list[dict[str, Any]]) -> str:
    """Return the runs as a Markdown table."""
    lines = ["| objects | samples | steps | batch | processes | highest rate | minutes | last loss |", "|---" * 8 + "|"]
    for run in made:
        cells = (
            f"{run['objects']}",
            f"{run['samples']:,}",
            f"{run['steps']:,}",
            f"{run['batch']}",
            f"{run['processes']}",
            f"{run['rate']:g}",
            f"{run['minutes']}",
            f"{run['loss']:.3f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(folder: Path, target: Path, sample_steps: int = 30) -> None:
    """Write ``README.md`` and ``samples.png`` into the model folder.

    Parameters
    ----------
    folder
        Working folder with the checkpoint, ``probe.json`` and ``samples.png``.
    target
        The model folder.
    sample_steps
        Number of steps with which the samples were drawn.
    """
    report = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
    quality = (folder / "vae" / "quality.txt").read_text(encoding="utf-8").split()[0]
    tokenizer = build_tokenizer()
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    tokens = len(tokenizer(captions.view_text(0, 0, captions.phrase("red", "car"))).input_ids)
    text = _TEMPLATE.read_text(encoding="utf-8").format(
        sample_steps=sample_steps,
        objects=", ".join(OBJECTS),
        colours=", ".join(COLOURS),
        template=captions.TEMPLATE,
        azimuths=", ".join(f"*{word}*" for word in captions.AZIMUTH_WORDS),
        bands=", ".join(f"*{word}* (about {centre:.0f} degrees)" for centre, word in captions.BANDS),
        length_note=f"All such captions have {tokens} tokens.",
        views=f"{len(dataset.load(folder / 'data')):,}",
        azimuth_range="0 to 360 degrees",
        elevation="{:.0f} to {:.0f}".format(*dataset.ELEVATION),
        distance="{} to {}".format(*dataset.DISTANCE),
        fov="{:.0f} to {:.0f}".format(*dataset.FIELD_OF_VIEW),
        vae_size=_millions(sum(p.numel() for p in vae.parameters())),
        vae_quality=quality,
        text_size=_millions(sum(p.numel() for p in build_encoder(tokenizer).parameters())),
        unet_size=_millions(sum(p.numel() for p in build().parameters())),
        vocabulary=len(tokenizer),
        length=LENGTH,
        runs=_table(runs(folder)),
        pictures=report["pictures"],
        noises=report["noises"],
        levels=", ".join(map(str, report["levels"])),
        symmetric=" and ".join(f"The {name}" for name in sorted(SYMMETRIC)),
        table=probe.table(report),
    )
    target.mkdir(parents=True, exist_ok=True)
    (target / "README.md").write_text(text, encoding="utf-8")
    shutil.copyfile(folder / "samples.png", target / "samples.png")
