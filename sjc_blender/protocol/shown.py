# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from outside, made safe to show."""

from __future__ import annotations

import unicodedata

KEPT = "\n\t"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories that are no letters: control characters (a terminal obeys them), marks that turn the direction of
writing, halves of characters, other line ends."""

JOINERS = "\u200c\u200d"
"""Joiners, which are parts of words in Persian and Indian scripts, and of emoji."""


def shown(text: str, longest: int = 0) -> str:
    """Return `text` without characters that command a terminal or hide what is written; each becomes U+FFFD.

    Parameters
    ----------
    longest : int
        Characters after which it is cut, with an ellipsis; 0: not at all.
    """
    if longest and len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\ufffd" if unicodedata.category(c) in _HIDDEN and c not in KEPT and c not in JOINERS else c for c in text
    )
