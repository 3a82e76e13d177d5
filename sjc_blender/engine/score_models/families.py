"""The families that there are adapters for: one table for loading and for listing models."""

from __future__ import annotations

from ...protocol.model_families import FAMILIES, ModelFamily, family_of

__all__ = ["ModelFamily", "families", "family_of"]


def families() -> tuple[ModelFamily, ...]:
    """Every family, in the order in which to show them."""
    return FAMILIES
