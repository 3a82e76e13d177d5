# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling a person what of a prompt a model does not see."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

logger = logging.getLogger(__name__)


def log_cut_texts(tokenizer: Any, texts: Sequence[str], longest: int = 0) -> None:
    """Log the end of each text that has more tokens than the tokenizer reads, or than `longest` if that is not 0."""
    longest = min(longest or tokenizer.model_max_length, tokenizer.model_max_length)
    for text in texts:
        ids = tokenizer(text, truncation=False, verbose=False).input_ids
        if len(ids) > longest:
            cut = tokenizer.decode(ids[longest - 1 : -1], skip_special_tokens=True)
            logger.warning("The model reads %d tokens of a prompt; of %r it does not see %r.", longest, text, cut)
