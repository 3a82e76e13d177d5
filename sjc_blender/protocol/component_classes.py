# SPDX-License-Identifier: GPL-3.0-or-later
"""Which classes a component may be of, by name: nothing else that a folder's index names is imported or loaded.

Entries are ``library.Class``. Loading by `Auto...` classes, by whole pipelines or by code of a model's own is not among
them: those follow what a folder's files say, to other files, to the hub or to code.
"""

from __future__ import annotations

UNET = ("diffusers.UNet2DConditionModel",)
MULTI_VIEW_UNET = tuple(f"{place}.MultiViewUNetModel" for place in ("mv_unet", "mvdream.mv_unet", "mvdream.models"))
"""How MVDream's folders name their network: code of their own, which is not imported; its weights go into
`UNET` (`sjc_blender.engine.score_models.multi_view_unet`)."""

CAMERA_PROJECTION = ("zero123.CLIPCameraProjection", "pipeline_zero1to3.CCProjection")
"""How folders of Zero-1-to-3 name their layer for cameras: code of their own, which is not imported either."""

PIXEL_UNET = ("diffusers.UNet2DModel",)
VAE = ("diffusers.AutoencoderKL",)
DIT = ("diffusers.DiTTransformer2DModel", "diffusers.Transformer2DModel")
CLIP = ("transformers.CLIPTextModel",)
CLIP_VISION = ("transformers.CLIPVisionModelWithProjection",)
CLIP_PROJECTED = ("transformers.CLIPTextModelWithProjection",)
T5 = ("transformers.T5EncoderModel",)
CLIP_TOKENIZER = ("transformers.CLIPTokenizer", "transformers.CLIPTokenizerFast")
GENERAL_TOKENIZERS = ("transformers.PreTrainedTokenizerFast", "transformers.TokenizersBackend")
T5_TOKENIZER = ("transformers.T5Tokenizer", "transformers.T5TokenizerFast", *GENERAL_TOKENIZERS)
LLAMA_TOKENIZER = ("transformers.LlamaTokenizer", "transformers.LlamaTokenizerFast", *GENERAL_TOKENIZERS)
GEMMA_TOKENIZER = ("transformers.GemmaTokenizer", "transformers.GemmaTokenizerFast", *GENERAL_TOKENIZERS)
QWEN_TOKENIZER = ("transformers.Qwen2Tokenizer", "transformers.Qwen2TokenizerFast", *GENERAL_TOKENIZERS)
BERT_TOKENIZER = ("transformers.BertTokenizer", "transformers.BertTokenizerFast", *GENERAL_TOKENIZERS)

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

COGVIEW_3_SCHEDULERS = ("diffusers.CogVideoXDDIMScheduler", "diffusers.CogVideoXDPMScheduler")
"""Of variance-preserving models whose schedule divides the signal-to-noise ratio by a factor of its own."""

EDM_SCHEDULERS = ("diffusers.EDMEulerScheduler", "diffusers.EDMDPMSolverMultistepScheduler")
"""Of networks preconditioned as in EDM."""

FLOW_SCHEDULERS = (
    "diffusers.FlowMatchEulerDiscreteScheduler",
    "diffusers.FlowMatchHeunDiscreteScheduler",
    "diffusers.FlowMatchLCMScheduler",
)
MULTISTEP_FLOW_SCHEDULERS = (
    "diffusers.DPMSolverMultistepScheduler",
    "diffusers.UniPCMultistepScheduler",
    "diffusers.DEISMultistepScheduler",
)
"""Samplers that are told by their configuration whether they are of a flow."""

EXPLODING_SCHEDULERS = ("diffusers.ScoreSdeVeScheduler",)

MORE_NETWORKS = tuple(
    f"diffusers.{name}"
    for name in (
        "BriaTransformer2DModel",
        "CogView3PlusTransformer2DModel",
        "Krea2Transformer2DModel",
        "LongCatImageTransformer2DModel",
        "LuminaNextDiT2DModel",
        "PRXTransformer2DModel",
        "SD3Transformer2DModel",
        "UNet2DConditionModel",
    )
)
MORE_ENCODERS = tuple(
    f"transformers.{name}"
    for name in ("GemmaModel", "GemmaForCausalLM", "GlmForCausalLM", "LlamaModel", "Qwen3VLModel", "T5GemmaEncoder")
)
"""Classes that pipelines outside the table of families may be of; they are tried at load."""
