# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the subcommands that make new jobs: what is called as `STEERING` of a request."""

from __future__ import annotations

import argparse

from ...protocol.guide import PICTURES
from ...protocol.spec import LOOSENESS


def add_guide_options(parser: argparse.ArgumentParser, whose: str = "") -> None:
    """Add the options; `whose` ends the help of what a row of a batch may say itself."""
    parser.add_argument(
        "--proxy", metavar="NAME", help=f"object or collection: a coarse shape to start from and follow{whose}"
    )
    parser.add_argument(
        "--looseness",
        type=float,
        default=LOOSENESS,
        metavar="0-1",
        help=f"how freely the object may leave the proxy (default: {LOOSENESS})",
    )
    parser.add_argument(
        "--guide", metavar="NAME", help=f"object or collection: the model follows its shape through --control{whose}"
    )
    parser.add_argument(
        "--guide-strength", type=float, default=1.0, metavar="0-2", help="how strongly it is followed (default: 1)"
    )
    parser.add_argument(
        "--guide-picture",
        default="auto",
        choices=("auto", *PICTURES),
        help=f"what --control was trained on (default: auto, its name tells){whose}",
    )
    parser.add_argument(
        "--control",
        default="",
        metavar="SOURCE",
        help=f"ControlNet for depth, normals or edges: a folder or a cached id{whose}",
    )
    parser.add_argument(
        "--picture",
        metavar="IMAGE",
        help=f"image of the .blend, or a PNG: the object's front, seen beside the prompt through --ip-adapter{whose}",
    )
    parser.add_argument(
        "--picture-strength", type=float, default=0.6, metavar="0-2", help="how much it counts (default: 0.6)"
    )
    parser.add_argument(
        "--ip-adapter",
        default="",
        metavar="FILE",
        help=f".safetensors file of an IP-Adapter, with the folder image_encoder beside it{whose}",
    )
