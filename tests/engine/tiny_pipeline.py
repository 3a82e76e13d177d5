"""A whole StableDiffusionPipeline folder with random weights, small enough to make in a test."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

MAX_TOKENS = 32
LATENT_SIZE = 8
IMAGE_SIZE = 16
# Words of the stand-in: one token each, so that prompts fit; anything else becomes the unknown token.
WORDS = (
    "a an the of view front back backside side left right high low overhead photo blurry "
    "red green blue yellow white black chair mug duck ball cube cup"
).split()


def save_tiny_pipeline(folder: Path, prediction_type: str = "epsilon", text_in_time: bool = True) -> Path:
    """Save a random pipeline: 4 x 8 x 8 latents, 16 x 16 images, the given `prediction_type`.

    `text_in_time`: the U-Net has a text vector in its time embedding, as the built-in prior has.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = _pipeline(prediction_type, text_in_time)
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def write_view_profile(folder: Path) -> None:
    """Put a profile with bilinear view words (front, left, back, right at one elevation) beside the weights."""
    sectors = ((0, "front"), (90, "left"), (180, "back"), (270, "right"))
    views = [{"azimuth": azimuth, "text": word + " view of {prompt}"} for azimuth, word in sectors]
    profile = {
        "name": "tiny",
        "family": "stable_diffusion",
        "image_size": IMAGE_SIZE,
        "views": {"interpolation": "bilinear", "bands": [{"elevation": 15, "views": views}]},
    }
    (folder / "sjc.json").write_text(json.dumps(profile), encoding="utf-8")


def _pipeline(prediction_type: str, text_in_time: bool) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(),
        tokenizer=tiny_tokenizer(),
        unet=_unet(text_in_time),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type=prediction_type,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def tiny_tokenizer() -> CLIPTokenizer:
    vocab = {"<|startoftext|>": 0, "<|endoftext|>": 1}
    merges = []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        for part in parts:
            vocab.setdefault(part, len(vocab))
        joined = parts[0]
        for part in parts[1:]:
            merges.append((joined, part))
            joined += part
            vocab.setdefault(joined, len(vocab))
    return CLIPTokenizer(vocab=vocab, merges=list(dict.fromkeys(merges)), model_max_length=MAX_TOKENS)


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tiny_tokenizer()),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
            projection_dim=16,
        )
    )


def _unet(text_in_time: bool) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=2,
        addition_embed_type="text" if text_in_time else None,
        addition_embed_type_num_heads=2,
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=IMAGE_SIZE,
        latent_channels=4,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
