"""``python -m benchmarks.public --model MODEL --prompts FILE``: make an object of every prompt, and measure them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import mean

import torch

from benchmarks.public.clip import MODEL, cached_clip
from benchmarks.public.run import Figures, measured, read_prompts
from sjc_blender.protocol.overrides import parse_overrides


def main() -> int:
    """Measure, and print a table; an interrupted run continues."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.public", description=__doc__)
    parser.add_argument("--model", required=True, help="as of a job; it must be on this computer")
    parser.add_argument("--prompts", required=True, type=Path, metavar="FILE", help="a text file, one prompt a line")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="settings of every job")
    parser.add_argument("--first", type=int, metavar="N", help="the first N prompts only")
    parser.add_argument("--out", type=Path, default=Path("build/public"))
    arguments = parser.parse_args()
    prompts = read_prompts(arguments.prompts)
    if not prompts:
        parser.error(f"{arguments.prompts} holds no prompt")
    clip = cached_clip(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    if clip is None:
        print(
            f"Without R-precision: {MODEL} is not in the Hugging Face cache with weights as safetensors.",
            file=sys.stderr,
        )
    settings = {"preset": arguments.preset, "model": arguments.model, "seed": arguments.seed}
    settings |= {"overrides": parse_overrides(arguments.set)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = []
    for index in range(len(prompts))[: arguments.first]:
        found.append(measured(prompts, index, arguments.out, settings, clip))
        print(row(found[-1]), file=sys.stderr, flush=True)
        # After each: whatever comes, what is measured is kept.
        told = {"model": arguments.model, "preset": arguments.preset, "objects": [asdict(one) for one in found]}
        (arguments.out / "public.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    print("\n".join(table(found)))
    return 0


def row(figures: Figures) -> str:
    """An object in a line."""
    precision = "-" if figures.r_precision is None else f"{figures.r_precision:.2f}"
    return f"{figures.prompt}: {figures.diverged or 'whole'}, {figures.seconds:.0f} s, R-precision {precision}"


def table(found: list[Figures]) -> list[str]:
    """What all objects come to, as a table in Markdown."""
    precisions = [one.r_precision for one in found if one.r_precision is not None]
    rows = {
        "objects": f"{len(found)}",
        "diverged": f"{mean(bool(one.diverged) for one in found):.1%}",
        "CLIP R-precision": f"{mean(precisions):.1%}" if precisions else "not measured",
        "fog": f"{mean(one.fog for one in found):.2f}",
        "seconds an object": f"{mean(one.seconds for one in found):.0f}",
        "steps a second": f"{mean(one.steps / one.seconds for one in found):.2f}",
        "peak of memory, GB": f"{max(one.peak_bytes for one in found) / 1e9:.2f}",
        "peak of graphics memory, GB": f"{max(one.peak_graphics_bytes for one in found) / 1e9:.2f}",
    }
    return ["| measure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


if __name__ == "__main__":
    sys.exit(main())
