"""Steps of a model with Stable Diffusion 1.5's full-size configuration and random weights: their time and memory.

What the score is does not matter to either, so no download is needed. Run: ``python -m benchmarks.full_size_step``.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.placement import choose_device, choose_dtype
from sjc_blender.engine.score_models.stable_diffusion import StableDiffusion
from sjc_blender.engine.sjc import ScoreJacobianChaining
from sjc_blender.engine.viewpoints import orbit_camera
from sjc_blender.protocol import presets
from sjc_blender.protocol.model_profile import load_profile


def stable_diffusion(device: torch.device, dtype: torch.dtype) -> StableDiffusion:
    """Make the model of https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 without its weights."""
    torch.set_default_dtype(dtype)
    letters = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
    vocab = {piece: index for index, piece in enumerate([*letters, *(f"{letter}</w>" for letter in letters[2:])])}
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            sample_size=512,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, eos_token_id=1
            )
        ),
        tokenizer=CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    torch.set_default_dtype(torch.float32)
    return StableDiffusion(pipeline.to(device), device)


def peak_gigabytes() -> float:
    """Largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "float16", "bfloat16"))
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    spec = presets.new_job("a red chair", preset="paper", model={"source": "Stable Diffusion 1.5, random weights"})
    started = time.perf_counter()
    model = stable_diffusion(device, choose_dtype(arguments.dtype, device, half_precision=True))
    count = sum(p.numel() for part in model.networks for p in getattr(model._pipeline, part).parameters())
    print(
        f"{count / 1e6:.0f} million parameters made in {time.perf_counter() - started:.0f} s, {device}, {model.dtype}"
    )
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(spec.model.source), model))
    print(f"ready: {peak_gigabytes():.1f} GiB at most")
    for _ in range(arguments.steps):
        started = time.perf_counter()
        report = sjc.advance()
        seconds = time.perf_counter() - started
        print(f"step {sjc.step}: {seconds:.1f} s, sigma {report.sigma:.2f}, {peak_gigabytes():.1f} GiB at most")
    started = time.perf_counter()
    rays = camera_rays(orbit_camera(25, 20, 1.5, 55), model.sample_size, model.sample_size, device=device)
    picture = model.decode(render_chunked(sjc.field, rays).image[None])
    seconds = time.perf_counter() - started
    print(f"preview {tuple(picture.shape[-2:])}: {seconds:.1f} s, {peak_gigabytes():.1f} GiB at most")
    if device.type == "cuda":
        print(f"GPU: {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB at most")


if __name__ == "__main__":
    main()
