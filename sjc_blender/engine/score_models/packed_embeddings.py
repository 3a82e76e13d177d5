# SPDX-License-Identifier: GPL-3.0-or-later
"""A text's two embeddings, one vector a token and one of the whole, as one tensor: so they are blended as one."""

from __future__ import annotations

import torch


def pack(tokens: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
    """Put the tokens' embeddings [N, T, W] and the whole text's [N, P] into [N, T W + P], float32."""
    return torch.cat([tokens.flatten(1), pooled], dim=1).float()


def unpack(packed: torch.Tensor, token_width: int, pooled_width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Take them out again."""
    tokens = packed[:, : packed.shape[1] - pooled_width]
    return tokens.unflatten(1, (-1, token_width)), packed[:, packed.shape[1] - pooled_width :]
