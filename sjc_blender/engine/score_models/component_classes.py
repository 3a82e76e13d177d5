# SPDX-License-Identifier: GPL-3.0-or-later
"""Which classes a component may be of, by name: nothing else that a folder's index names is imported or loaded.

Entries are ``library.Class``. Loading by `Auto...` classes, by whole pipelines or by code of a model's own is not among
them: those follow what a folder's files say, to other files, to the hub or to code.
"""

from __future__ import annotations

UNET = ("diffusers.UNet2DConditionModel",)
PIXEL_UNET = ("diffusers.UNet2DModel",)
VAE = ("diffusers.AutoencoderKL",)
DIT = ("diffusers.DiTTransformer2DModel", "diffusers.Transformer2DModel")
CLIP = ("transformers.CLIPTextModel",)
CLIP_PROJECTED = ("transformers.CLIPTextModelWithProjection",)
T5 = ("transformers.T5EncoderModel",)
CLIP_TOKENIZER = ("transformers.CLIPTokenizer", "transformers.CLIPTokenizerFast")
T5_TOKENIZER = (
    "transformers.T5Tokenizer",
    "transformers.T5TokenizerFast",
    "transformers.PreTrainedTokenizerFast",
    "transformers.TokenizersBackend",
)

SCHEDULERS = tuple(
    f"diffusers.{name}Scheduler"
    for name in (
        "DDIM",
        "DDIMParallel",
        "DDPM",
        "DDPMParallel",
        "PNDM",
        "LMSDiscrete",
        "EulerDiscrete",
        "EulerAncestralDiscrete",
        "HeunDiscrete",
        "KDPM2Discrete",
        "KDPM2AncestralDiscrete",
        "DPMSolverMultistep",
        "DPMSolverSinglestep",
        "DPMSolverSDE",
        "DEISMultistep",
        "UniPCMultistep",
        "SASolver",
        "IPNDM",
        "LCM",
        "TCD",
    )
)
"""Samplers of variance-preserving models: of each only the configuration is used, which tells the noise levels."""

FLOW_SCHEDULERS = (
    "diffusers.FlowMatchEulerDiscreteScheduler",
    "diffusers.FlowMatchHeunDiscreteScheduler",
    "diffusers.FlowMatchLCMScheduler",
)
EXPLODING_SCHEDULERS = ("diffusers.ScoreSdeVeScheduler",)
