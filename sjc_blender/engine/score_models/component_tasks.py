# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of other tasks, told by the channels that they take."""

from __future__ import annotations

from ...protocol.errors import SjcError

LATENT_CHANNELS = 4


def other_task(model: str, channels: int) -> SjcError:
    """The refusal of a U-Net that takes more than a picture's latents."""
    return SjcError(
        "unsupported_pipeline",
        f"The U-Net of {model} takes {channels} channels; a text-to-image model of the Stable Diffusion format takes "
        f"{LATENT_CHANNELS} (9 is inpainting, 7 is upscaling, 8 is image editing, or depth with a picture).",
        "Choose the text-to-image model of the same family.",
    )
