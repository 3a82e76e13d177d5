# SPDX-License-Identifier: GPL-3.0-or-later
"""``presets``: lists presets and recipes."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ...protocol.presets import preset_names, preset_settings
from ...protocol.recipes import recipe_names


def add_presets_command(commands: Any) -> None:
    """Add ``presets`` to the engine's subcommands."""
    parser = commands.add_parser("presets", help="list the presets and the published recipes")
    parser.add_argument("--json", action="store_true", help="print names and settings as one JSON object")
    parser.set_defaults(command=_list)


def _list(arguments: argparse.Namespace) -> int:
    settings = {name: preset_settings(name) for name in preset_names() + recipe_names()}
    print(json.dumps(settings, indent=2) if arguments.json else _table(settings))
    return 0


def _table(settings: dict[str, dict[str, Any]]) -> str:
    width = max(map(len, settings))
    rows = []
    for name, values in settings.items():
        steps, voxels = values["optimisation"]["steps"], values["field"]["resolution"]
        prompt = values.get("prompt")
        rows.append(f"{name:{width}}  {steps:6d} steps, {voxels} voxels" + (f'  "{prompt}"' if prompt else ""))
    return "\n".join(rows)
