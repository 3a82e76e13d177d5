# SPDX-License-Identifier: GPL-3.0-or-later
"""A job never asks the hub for anything: models are on this computer, whatever their files say."""

from __future__ import annotations

import os
import sys

VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "DIFFUSERS_TRUST_REMOTE_KERNELS": "0",
}
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def stay_offline() -> None:
    """Keep huggingface_hub, transformers and diffusers from the network, and from the user's login.

    They read the variables when they are imported; one that is there already is told directly.
    """
    os.environ.update(VARIABLES)
    for token in TOKENS:
        os.environ.pop(token, None)
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
        constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True  # type: ignore[attr-defined]
