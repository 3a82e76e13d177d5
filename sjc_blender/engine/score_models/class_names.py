# SPDX-License-Identifier: GPL-3.0-or-later
"""A prompt as a class: its name or its number."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX
from ...protocol.model_families import json_object
from ...protocol.shown import shown


@dataclass(frozen=True)
class ClassNames:
    """The classes of a model.

    Attributes
    ----------
    count : int
        Classes 0 to count - 1.
    null : int or None
        The label that stands for no class, for classifier-free guidance.
    labels : mapping of str to int
        By name; may be empty.
    """

    count: int
    null: int | None
    labels: Mapping[str, int] = field(default_factory=dict)

    def label(self, text: str) -> int:
        """Find a class; the empty text is the null class.

        Raises
        ------
        SjcError
            ``unknown_class`` with the nearest names; ``no_null_class`` for the empty text if there is none.
        """
        text = text.strip()
        if not text:
            if self.null is None:
                raise SjcError(
                    "no_null_class",
                    "The model has no null class, so classifier-free guidance and negative prompts are not possible.",
                    "Set optimisation.guidance_scale to 1.",
                )
            return self.null
        if text.isdecimal() and int(text) < self.count:
            return int(text)
        folded = {name.casefold(): label for name, label in self.labels.items()}
        if text.casefold() in folded:
            return folded[text.casefold()]
        near = difflib.get_close_matches(text.casefold(), folded, n=5, cutoff=0.4)
        raise SjcError(
            "unknown_class",
            f"The model has no class {text!r}" + (f"; near are {', '.join(map(repr, near))}." if near else "."),
            f"The prompt of this model is the name of a class, or its number from 0 to {self.count - 1}.",
        )


def names_of(pipeline: Any, count: int) -> dict[str, int]:
    """Labels of a pipeline's `count` classes by their names, see `names_from_config`."""
    return names_from_config(json_object(Path(pipeline.name_or_path) / INDEX).get("id2label", {}), count)


def names_from_config(id2label: Any, count: int) -> dict[str, int]:
    """Names of classes by a pipeline's ``id2label``; a class may have several, with commas between.

    Raises
    ------
    SjcError
        ``broken_model`` if it is anything but numbers of the model's `count` classes, each with a text.
    """
    names = {}
    for label, text in (id2label if isinstance(id2label, Mapping) else {"": id2label}).items():
        if label not in map(str, range(count)) or not isinstance(text, str):
            raise SjcError(
                "broken_model",
                f"The model names its classes wrong: id2label holds {shown(repr((label, text)), 80)}, and its classes "
                f"are 0 to {count - 1}, each with a name.",
                f"Download the model again, or correct id2label in its {INDEX}.",
            )
        names.update({name.strip(): int(label) for name in text.split(",")})
    return names
