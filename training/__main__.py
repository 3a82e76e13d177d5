# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: ``python -m training all`` makes the built-in prior from nothing, ``control`` a ControlNet for it."""

from __future__ import annotations

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("data", "vae", "unet", "assemble", "probe", "samples", "card", "control", "all")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "training")
    parser.add_argument("--target", type=Path, default=ROOT / "sjc_blender" / "models" / "builtin")
    parser.add_argument("--shards", type=int, default=24, help="training shards of 504 views")
    parser.add_argument("--vae-seconds", type=float, default=480.0)
    parser.add_argument("--unet-seconds", type=float, default=6000.0, help="processor time of a process")
    parser.add_argument("--control-seconds", type=float, default=1500.0, help="processor time for the ControlNet")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    parser.add_argument("--batch", type=int, nargs=2, default=(8, 16), metavar=("FIRST", "LATER"))
    parser.add_argument("--switch", type=float, default=0.12, help="time share of FIRST")
    parser.add_argument("--warm", action="store_true", help="continue from the checkpoint")
    parser.add_argument("--warm-from", type=Path, metavar="MODEL", help="start from the weights of a model folder")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, default=400, help="pictures of the probe")
    return parser.parse_args()


def _run(command: str, options: argparse.Namespace) -> None:
    folder, target = options.folder, options.target
    if command == "data":
        from training import dataset, pictures

        dataset.make(folder / "data", options.shards, workers=options.workers)
        pictures.data_sheet(folder / "data.png")
    elif command == "vae":
        from training import autoencoder, warm_start

        found = warm_start.adopt_autoencoder(folder, options.warm_from) if options.warm_from else 0.0
        if found < autoencoder.GOOD:
            warm = options.warm_from is not None
            autoencoder.train(folder, options.vae_seconds, world=options.workers, warm=warm)
    elif command == "unet":
        from training import denoiser

        plan = denoiser.Plan(
            str(folder),
            options.unet_seconds,
            rate=options.rate,
            batch=options.batch[0],
            later_batch=options.batch[1],
            switch=options.switch,
            warm=options.warm,
            model=str(options.warm_from) if options.warm_from else None,
        )
        denoiser.train(plan, options.workers)
    elif command == "assemble":
        from training import assemble

        assemble.assemble(folder, target)
    elif command == "probe":
        from training import probe

        print(probe.table(probe.probe(folder, target, options.count)))
    elif command == "samples":
        from training import pictures

        pictures.sample_sheet(target, folder / "samples.png")
    elif command == "control":
        from training import control

        control.train(folder, target, folder / "control", options.control_seconds)
    else:
        from training import model_card

        model_card.write(folder, target)


def main() -> None:
    """Run one command, or all of them in their order."""
    options = _arguments()
    for command in COMMANDS[:-2] if options.command == "all" else (options.command,):
        _run(command, options)


if __name__ == "__main__":
    main()
