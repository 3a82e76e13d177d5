# SPDX-License-Identifier: GPL-3.0-or-later
"""The published recipes: a prompt and its settings, by name, as data files.

Prompts and settings are those of the paper's authors (https://github.com/pals-ttic/sjc, "To Reproduce the
Results in the Paper"). A recipe stands on the preset ``paper``; its weights were found with Stable Diffusion 1.5.
``recipe_1`` to ``recipe_3``, the first three of that table, have settings alone: their prompts are names of people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).resolve().parent.parent / "presets" / "recipes"
BASE = "paper"
"""The preset whose settings a recipe changes."""


def recipe_names() -> list[str]:
    """Names of the recipes, in alphabetical order."""
    return sorted(path.stem for path in RECIPES.glob("*.json"))


def read_recipe(name: str) -> dict[str, Any]:
    """The prompt, where it has one, and the settings of a recipe, nested like a job's.

    Parameters
    ----------
    name : str
        One of `recipe_names`.
    """
    recipe: dict[str, Any] = json.loads((RECIPES / f"{name}.json").read_text(encoding="utf-8"))
    return recipe
