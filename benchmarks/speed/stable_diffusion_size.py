"""A model with Stable Diffusion 1.5's full-size configuration and random weights.

What the score is does not matter to time and memory, so no download is needed.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sjc_blender.engine.score_models.stable_diffusion import StableDiffusion

WIDTHS = {"unet": (320, 640, 1280, 1280), "decoder": (128, 256, 512, 512)}
NARROW = {"unet": (32, 32, 32, 32), "decoder": (32, 32, 32, 32)}
"""Of the same architecture, to see whether everything runs."""


def stable_diffusion(device: torch.device, dtype: torch.dtype, *, narrow: bool = False) -> StableDiffusion:
    """Make the model of https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 without its weights."""
    torch.set_default_dtype(dtype)
    widths = NARROW if narrow else WIDTHS
    letters = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
    vocab = {piece: index for index, piece in enumerate([*letters, *(f"{letter}</w>" for letter in letters[2:])])}
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            sample_size=512,
            block_out_channels=widths["decoder"],
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=1 if narrow else 12,
                num_attention_heads=12,
                eos_token_id=1,
            )
        ),
        tokenizer=CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77),
        unet=UNet2DConditionModel(
            sample_size=64, block_out_channels=widths["unet"], cross_attention_dim=768, attention_head_dim=8
        ),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    torch.set_default_dtype(torch.float32)
    return StableDiffusion(pipeline.to(device), device)
