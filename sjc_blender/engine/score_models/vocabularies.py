# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a model's tokenizers number words as its text encoders know them, as far as their sizes tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...protocol.errors import SjcError

EXAMPLE = "a photo of a red chair, front view"
LEAST_SHARE = 0.9
"""Of a text encoder's vocabulary that a tokenizer has: T5's has 0.999, all others at hand 1."""


def check_vocabularies(path: Path, pipeline: Any) -> tuple[str, ...]:
    """Compare each tokenizer with its text encoder.

    Returns
    -------
    tuple of str
        What a person has to know, in sentences.

    Raises
    ------
    SjcError
        ``broken_model`` if a text encoder does not know a plain text's words.
    """
    remarks = []
    for name, tokenizer in pipeline.components.items():
        encoder = pipeline.components.get(name.replace("tokenizer", "text_encoder"))
        if not name.startswith("tokenizer") or tokenizer is None or not hasattr(encoder, "get_input_embeddings"):
            continue
        known = getattr(encoder.get_input_embeddings(), "num_embeddings", None)
        if known is None:
            continue
        largest = max(tokenizer(EXAMPLE).input_ids)
        if largest >= known:
            raise SjcError(
                "broken_model",
                f"The tokenizer in {path / name} gives words the numbers of another model: {largest} for one, and the "
                f"text encoder knows {known}.",
                "Copy the tokenizer's folder from the model that the text encoder is of.",
            )
        if len(tokenizer) < LEAST_SHARE * known:
            remarks.append(
                f"The model's {name} knows {len(tokenizer)} words, and its text encoder {known}: it is probably "
                "another model's, and prompts are misread."
            )
    return tuple(remarks)
