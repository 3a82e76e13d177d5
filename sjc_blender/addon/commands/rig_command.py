# SPDX-License-Identifier: GPL-3.0-or-later
"""``rig``: reports what the scene's cameras see."""

from __future__ import annotations

import argparse

from .. import api
from ..rigs.rig_choice import FORMS
from .job_options import chosen
from .outcome import Outcome

NAME = "rig"
HELP = "report which sides of the domain a rig sees"
EXAMPLES = ('-b scene.blend --command sjc rig --rig "SJC Rig" --domain "SJC Domain"',)

MOST_VIEWS = 8
"""Most view texts printed; ``--json`` has all."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the rig's options; what is left out is taken from the scene's panel."""
    parser.add_argument("--rig", metavar="RIG", help=f"{FORMS} (default: as set in the scene)")
    parser.add_argument(
        "--domain", metavar="OBJECT", help="object whose box is looked at (default: as set in the scene)"
    )
    parser.add_argument(
        "--jitter", type=float, metavar="DEGREES", help="rotate each drawn camera randomly around the domain"
    )
    parser.add_argument(
        "--model", metavar="SOURCE", help="model whose orbit the rig is compared with (default: as set in the scene)"
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """Report on the rig."""
    report = api.rig_report(**chosen(arguments, "rig", "domain", "jitter", "model"))
    cameras = f"{report.viewpoints} cameras" if report.viewpoints else "an orbit"
    low, high = report.elevation
    lines = [
        f"{report.headline}.",
        f"{cameras}, elevation {low:.0f} to {high:.0f}; {report.seen:.0%} of all directions seen, "
        f"{report.seen_of_model:.0%} of those that the model knows",
        *(f"{finding.severity}: {finding.text}" for finding in report.findings),
        *(f"told in {share:.0%} of the steps: {text}" for text, share in list(report.views.items())[:MOST_VIEWS]),
    ]
    return Outcome("done", report.as_json(), lines)
