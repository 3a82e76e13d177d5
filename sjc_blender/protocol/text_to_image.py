# SPDX-License-Identifier: GPL-3.0-or-later
"""Families of text-to-image pipelines that one adapter runs by the pipeline's own call: what differs is this table.

The noise levels, the clock and what the output is are told by a model's scheduler; which embeddings go to which
argument, packing and the autoencoder's scaling by its pipeline. The adapter:
`sjc_blender.engine.score_models.any_pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .component_classes import (
    BERT_TOKENIZER,
    CLIP,
    CLIP_PROJECTED,
    CLIP_TOKENIZER,
    COGVIEW_3_SCHEDULERS,
    FLOW_SCHEDULERS,
    GEMMA_TOKENIZER,
    LLAMA_TOKENIZER,
    MORE_ENCODERS,
    MORE_NETWORKS,
    MULTISTEP_FLOW_SCHEDULERS,
    QWEN_TOKENIZER,
    SCHEDULERS,
    T5,
    T5_TOKENIZER,
    UNET,
    VAE,
)

FLOW_RANGE = (0.089, 0.924)
VARIANCE_PRESERVING_RANGE = (0.01, 0.97)
SETTINGS = ("scheduler", "tokenizer")
"""How the names of components without weights begin."""


@dataclass(frozen=True)
class TextToImage:
    """A family.

    Attributes
    ----------
    name, title : str
        As of `sjc_blender.protocol.model_families.ModelFamily`.
    pipeline : str
        Class name in ``model_index.json``.
    example, licence : str
        A Hugging Face id, and the licence of its weights.
    components : mapping of str to tuple of str
        What a folder has, and of which class each may be; the network that scores is the first.
    samples : str
        The autoencoder that its models share.
    download_gigabytes, gpu_gigabytes : float
        As of `ModelFamily`.
    pixels : int
        Pixels of a picture along a sample's side.
    guidance : str
        ``"two passes"``, or ``"embedded"`` if the network is told the scale (those of the family that are).
    guidance_scale : float
        That of the pipeline, in the engine's convention: 1 for none.
    renormalised : str
        What of the network's guided output has the norm of the unguided: nothing, each ``"row"`` of a picture, or
        each ``"token"`` of 2 x 2 samples.
    flow : bool
        Whether its models are rectified flows; else they are variance-preserving.
    optional : tuple of str
        Components that may be missing; they are not downloaded.
    image_size : int
        Side of its pictures.
    tokens : int
        Tokens of a text that it reads, where its call does not say; 0: as many as its tokenizer says.
    once : tuple of str
        Names that the class had before, and that folders still say.
    fits_float16 : bool
        Whether a flow's numbers fit into float16; else they need the range of bfloat16.
    """

    name: str
    title: str
    pipeline: str
    example: str
    licence: str
    components: Mapping[str, tuple[str, ...]]
    samples: str
    download_gigabytes: float
    gpu_gigabytes: float
    pixels: int = 8
    guidance: Literal["two passes", "embedded"] = "two passes"
    guidance_scale: float = 4.0
    renormalised: Literal["", "row", "token"] = ""
    flow: bool = True
    optional: tuple[str, ...] = ()
    image_size: int = 1024
    tokens: int = 0
    fits_float16: bool = False
    once: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[str, ...]:
        """Components with weights, the one that scores first."""
        return tuple(name for name in self.components if not name.startswith(SETTINGS))

    @property
    def settings(self) -> tuple[str, ...]:
        """Components without weights."""
        return tuple(name for name in self.components if name.startswith(SETTINGS))


FLOWS = FLOW_SCHEDULERS + MULTISTEP_FLOW_SCHEDULERS


def _parts(network: str, encoder: tuple[str, ...], tokenizer: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Components of a flow of latents of the usual autoencoder, with one text encoder."""
    return {
        "transformer": (f"diffusers.{network}",),
        "vae": VAE,
        "text_encoder": encoder,
        "tokenizer": tokenizer,
        "scheduler": FLOWS,
    }


QWEN_VL = ("transformers.Qwen2_5_VLForConditionalGeneration", "transformers.Qwen2_5_VLModel")
QWEN_3 = ("transformers.Qwen3Model", "transformers.Qwen3ForCausalLM")
GEMMA_2 = ("transformers.Gemma2Model", "transformers.Gemma2ForCausalLM")

TEXT_TO_IMAGE = (
    TextToImage(
        "flux",
        "FLUX.1",
        "FluxPipeline",
        "black-forest-labs/FLUX.1-dev",
        "FLUX.1 [dev] Non-Commercial License (schnell: Apache-2.0)",
        {
            **_parts("FluxTransformer2DModel", CLIP, CLIP_TOKENIZER),
            "text_encoder_2": T5,
            "tokenizer_2": T5_TOKENIZER,
        },
        "flux",
        34.0,
        36.0,
        guidance="embedded",
        guidance_scale=3.5,
    ),
    TextToImage(
        "pixart_sigma",
        "PixArt-Sigma",
        "PixArtSigmaPipeline",
        "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
        "CreativeML OpenRAIL++-M",
        {**_parts("PixArtTransformer2DModel", T5, T5_TOKENIZER), "scheduler": SCHEDULERS},
        "kl-f8 xl",
        11.0,
        13.0,
        guidance_scale=4.5,
        flow=False,
    ),
    TextToImage(
        "sana",
        "SANA",
        "SanaPipeline",
        "Efficient-Large-Model/Sana_1600M_1024px_diffusers",
        "NSCL v2-custom (non-commercial)",
        {
            **_parts("SanaTransformer2DModel", GEMMA_2, GEMMA_TOKENIZER),
            "vae": ("diffusers.AutoencoderDC",),
        },
        "dc-f32",
        9.0,
        11.0,
        pixels=32,
        guidance_scale=4.5,
    ),
    TextToImage(
        "lumina_2",
        "Lumina Image 2.0",
        "Lumina2Pipeline",
        "Alpha-VLLM/Lumina-Image-2.0",
        "Apache-2.0",
        _parts("Lumina2Transformer2DModel", GEMMA_2, GEMMA_TOKENIZER),
        "flux",
        11.0,
        13.0,
        renormalised="row",
        once=("Lumina2Text2ImgPipeline",),
    ),
    TextToImage(
        "aura_flow",
        "AuraFlow",
        "AuraFlowPipeline",
        "fal/AuraFlow-v0.3",
        "Apache-2.0",
        _parts("AuraFlowTransformer2DModel", ("transformers.UMT5EncoderModel",), LLAMA_TOKENIZER),
        "kl-f8 xl",
        17.0,
        19.0,
        guidance_scale=3.5,
    ),
    TextToImage(
        "qwen_image",
        "Qwen-Image",
        "QwenImagePipeline",
        "Qwen/Qwen-Image",
        "Apache-2.0",
        {
            **_parts("QwenImageTransformer2DModel", QWEN_VL, QWEN_TOKENIZER),
            "vae": ("diffusers.AutoencoderKLQwenImage",),
        },
        "qwen",
        58.0,
        60.0,
        renormalised="token",
    ),
    TextToImage(
        "z_image",
        "Z-Image",
        "ZImagePipeline",
        "Tongyi-MAI/Z-Image",
        "Apache-2.0",
        _parts("ZImageTransformer2DModel", QWEN_3, QWEN_TOKENIZER),
        "flux",
        21.0,
        23.0,
        # Its pipeline counts from 0.
        guidance_scale=6.0,
    ),
    TextToImage(
        "chroma",
        "Chroma",
        "ChromaPipeline",
        "lodestones/Chroma1-HD",
        "Apache-2.0",
        _parts("ChromaTransformer2DModel", T5, T5_TOKENIZER),
        "flux",
        27.0,
        29.0,
        guidance_scale=5.0,
    ),
    TextToImage(
        "hidream",
        "HiDream-I1",
        "HiDreamImagePipeline",
        "HiDream-ai/HiDream-I1-Full",
        "MIT (its fourth text encoder: Llama 3.1 Community License)",
        {
            **_parts("HiDreamImageTransformer2DModel", CLIP_PROJECTED, CLIP_TOKENIZER),
            "text_encoder_2": CLIP_PROJECTED,
            "text_encoder_3": T5,
            "text_encoder_4": ("transformers.LlamaForCausalLM",),
            "tokenizer_2": CLIP_TOKENIZER,
            "tokenizer_3": T5_TOKENIZER,
            "tokenizer_4": LLAMA_TOKENIZER,
        },
        "flux",
        63.0,
        65.0,
        guidance_scale=5.0,
    ),
    TextToImage(
        "kolors",
        "Kolors",
        "KolorsPipeline",
        "Kwai-Kolors/Kolors-diffusers",
        "Kolors License (research; commercial use by registration)",
        {
            "unet": ("diffusers.UNet2DConditionModel",),
            "vae": VAE,
            "text_encoder": ("kolors.ChatGLMModel",),
            "tokenizer": ("kolors.ChatGLMTokenizer",),
            "scheduler": SCHEDULERS,
        },
        "kl-f8 xl",
        17.0,
        19.0,
        guidance_scale=5.0,
        flow=False,
    ),
    TextToImage(
        "hunyuan_dit",
        "HunyuanDiT",
        "HunyuanDiTPipeline",
        "Tencent-Hunyuan/HunyuanDiT-v1.2-Diffusers",
        "Tencent Hunyuan Community License",
        {
            "transformer": ("diffusers.HunyuanDiT2DModel",),
            "vae": VAE,
            "text_encoder": ("transformers.BertModel",),
            "text_encoder_2": (*T5, "transformers.MT5EncoderModel"),
            "tokenizer": BERT_TOKENIZER,
            "tokenizer_2": (*T5_TOKENIZER, "transformers.MT5Tokenizer"),
            "scheduler": SCHEDULERS,
        },
        "kl-f8 xl",
        14.0,
        16.0,
        guidance_scale=5.0,
        flow=False,
    ),
    TextToImage(
        "cogview_4",
        "CogView 4",
        "CogView4Pipeline",
        "zai-org/CogView4-6B",
        "Apache-2.0",
        _parts("CogView4Transformer2DModel", ("transformers.GlmModel",), LLAMA_TOKENIZER),
        "cogview 4",
        31.0,
        33.0,
        guidance_scale=5.0,
    ),
    TextToImage(
        "cogview_3",
        "CogView 3+",
        "CogView3PlusPipeline",
        "zai-org/CogView3-Plus-3B",
        "Apache-2.0",
        {
            **_parts("CogView3PlusTransformer2DModel", T5, T5_TOKENIZER),
            "scheduler": COGVIEW_3_SCHEDULERS,
        },
        "cogview 3",
        16.0,
        18.0,
        guidance_scale=5.0,
        flow=False,
    ),
    TextToImage(
        "pixart_alpha",
        "PixArt-Alpha",
        "PixArtAlphaPipeline",
        "PixArt-alpha/PixArt-XL-2-1024-MS",
        "CreativeML OpenRAIL++-M",
        {
            **_parts("PixArtTransformer2DModel", T5, T5_TOKENIZER),
            "transformer": ("diffusers.PixArtTransformer2DModel", "diffusers.Transformer2DModel"),
            "scheduler": SCHEDULERS,
        },
        "kl-f8",
        11.0,
        13.0,
        guidance_scale=4.5,
        flow=False,
    ),
    TextToImage(
        "kandinsky_3",
        "Kandinsky 3",
        "Kandinsky3Pipeline",
        "kandinsky-community/kandinsky-3",
        "Apache-2.0",
        {
            "unet": ("diffusers.Kandinsky3UNet",),
            "movq": ("diffusers.VQModel",),
            "text_encoder": T5,
            "tokenizer": T5_TOKENIZER,
            "scheduler": SCHEDULERS,
        },
        "movq",
        24.0,
        26.0,
        # Its pipeline counts from 0.
        guidance_scale=4.0,
        flow=False,
    ),
    TextToImage(
        "ovis_image",
        "Ovis-Image",
        "OvisImagePipeline",
        "AIDC-AI/Ovis-Image-7B",
        "Apache-2.0",
        _parts("OvisImageTransformer2DModel", QWEN_3, QWEN_TOKENIZER),
        "flux",
        20.0,
        22.0,
        guidance_scale=5.0,
    ),
    TextToImage(
        "flux_2_klein",
        "FLUX.2 [klein]",
        "Flux2KleinPipeline",
        "black-forest-labs/FLUX.2-klein-4B",
        "Apache-2.0 (9B: FLUX Non-Commercial License)",
        {
            **_parts("Flux2Transformer2DModel", QWEN_3, QWEN_TOKENIZER),
            "vae": ("diffusers.AutoencoderKLFlux2",),
        },
        "flux 2",
        16.0,
        18.0,
    ),
    TextToImage(
        "stable_diffusion_3",
        "Stable Diffusion 3 and 3.5",
        "StableDiffusion3Pipeline",
        "stabilityai/stable-diffusion-3.5-medium",
        "Stability AI Community License",
        {
            **_parts("SD3Transformer2DModel", CLIP_PROJECTED, CLIP_TOKENIZER),
            "text_encoder_2": CLIP_PROJECTED,
            "text_encoder_3": T5,
            "tokenizer_2": CLIP_TOKENIZER,
            "tokenizer_3": T5_TOKENIZER,
            "scheduler": FLOW_SCHEDULERS,
        },
        "kl-f8 16",
        6.0,
        10.0,
        guidance_scale=7.0,
        # Without T5, its largest part, it reads prompts less closely.
        optional=("text_encoder_3", "tokenizer_3"),
        fits_float16=True,
    ),
    TextToImage(
        "deepfloyd_if",
        "DeepFloyd IF, stage I",
        "IFPipeline",
        "DeepFloyd/IF-I-M-v1.0",
        "DeepFloyd IF License Agreement",
        {"unet": UNET, "text_encoder": T5, "tokenizer": T5_TOKENIZER, "scheduler": SCHEDULERS},
        "pixels",
        11.0,
        14.0,
        pixels=1,
        guidance_scale=7.0,
        flow=False,
        image_size=64,
        tokens=77,
    ),
)
OTHER = TextToImage(
    "text_to_image",
    "Another text-to-image pipeline of diffusers, tried when it is loaded",
    "",
    "",
    "",
    {},
    "of its own",
    0.0,
    0.0,
)
"""What a pipeline that is not in the table begins with: its folder and its class tell the rest."""

BY_NAME = {family.name: family for family in (*TEXT_TO_IMAGE, OTHER)}

KNOWN_CLASSES = frozenset(
    name for family in TEXT_TO_IMAGE for names in family.components.values() for name in names
) | frozenset((*MORE_NETWORKS, *MORE_ENCODERS, *CLIP, *CLIP_PROJECTED))
"""What the components of such a pipeline may be."""

LEFT_OUT = ("safety_checker", "feature_extractor", "image_encoder", "watermarker", "text_processor")
"""Components that a step does not need; the last would write another prompt."""

OTHER_TASKS = (
    "Img2Img", "Inpaint", "Control", "Video", "Audio", "Upscale", "Edit", "Fill", "Redux", "Kontext", "PAG", "Adapter",
    "Pix2Pix", "Depth", "Prior", "Image2", "3D",
)  # fmt: skip
"""Words in the names of classes that take more than a text."""


def components_in(index: Mapping[str, object]) -> dict[str, str]:
    """Components that a ``model_index.json`` names, as ``library.Class``.

    A pipeline's settings are beside them, and may be lists, too; ``[null, null]`` is a component that it has not.
    """
    return {
        part: ".".join(entry)
        for part, entry in index.items()
        if isinstance(entry, list) and len(entry) == 2 and all(isinstance(one, str) for one in entry)
    }


def may_be_text_to_image(index: Mapping[str, object]) -> bool:
    """Whether a pipeline outside the table may make pictures of text, by its ``model_index.json``."""
    name = index.get("_class_name")
    if not isinstance(name, str) or not name.endswith("Pipeline") or any(word in name for word in OTHER_TASKS):
        return False
    parts = components_in(index).keys()
    network = parts & {"transformer", "unet"}
    return bool(network) and {"scheduler", "tokenizer", "text_encoder"} <= parts and "controlnet" not in parts
