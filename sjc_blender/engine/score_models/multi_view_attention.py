# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-attention across the views of a ring: MVDream, https://arxiv.org/abs/2308.16512, section 3.1."""

from __future__ import annotations

from typing import Any

import torch

SELF_ATTENTION = "attn1.processor"
"""How the names of a U-Net's self-attentions end."""


class JointAttention:
    """A processor of diffusers' attention in which the tokens of `views` neighbours in the batch attend to each other.

    With one view it is the usual attention.
    """

    def __init__(self) -> None:
        from diffusers.models.attention_processor import AttnProcessor2_0

        self.views = 1
        self._usual = AttnProcessor2_0()

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend; `hidden_states` [N, tokens, width] are samples, N a multiple of the views."""
        samples, tokens, width = hidden_states.shape
        joined = hidden_states.reshape(samples // self.views, self.views * tokens, width)
        attended: torch.Tensor = self._usual(attn, joined, None, attention_mask, temb)
        return attended.reshape(samples, tokens, width)


def join_views(unet: Any) -> JointAttention:
    """Give all self-attentions of a U-Net one processor, whose views are set before each call."""
    joint = JointAttention()
    processors = unet.attn_processors
    unet.set_attn_processor(
        {name: joint if name.endswith(SELF_ATTENTION) else processor for name, processor in processors.items()}
    )
    return joint
