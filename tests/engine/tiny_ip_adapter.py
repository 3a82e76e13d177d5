"""An IP-Adapter with random weights for a tiny model, and the network that sees pictures for it."""

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

WIDTH, HIDDEN = 12, 16
"""Of an embedding of a picture, and of one of its patches."""


def save_ip_adapter(folder: Path, model: Path, *, plus: bool = False, **changes: torch.Tensor | None) -> Path:
    """Save one for the pipeline `model`; with `plus` it sees patches; a change of None leaves a tensor out."""
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    texts = unet.config.cross_attention_dim
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        tensors = {f"image_proj.{name}": value for name, value in (_plus if plus else _plain)(texts).items()}
        places = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
        for index, place in enumerate(places):
            outputs = unet.get_submodule(place.removesuffix(".processor")).to_k.weight.shape[0]
            for part in ("to_k_ip", "to_v_ip"):
                tensors[f"ip_adapter.{2 * index + 1}.{part}.weight"] = 0.3 * torch.randn(outputs, texts)
        encoder = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=HIDDEN,
                intermediate_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=16,
                patch_size=8,
                projection_dim=WIDTH,
            )
        )
    encoder.save_pretrained(folder / "image_encoder", safe_serialization=True)
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del tensors[key]
        else:
            tensors[key] = value
    file = folder / "ip-adapter.safetensors"
    save_file(tensors, file)
    return file


def _plain(texts: int) -> dict[str, torch.Tensor]:
    return {
        "proj.weight": torch.randn(4 * texts, WIDTH),
        "proj.bias": torch.randn(4 * texts),
        "norm.weight": torch.ones(texts),
        "norm.bias": torch.zeros(texts),
    }


def _plus(texts: int) -> dict[str, torch.Tensor]:
    """As the published files have it: four layers of attention (of 64 a head) and a perceptron each."""
    inner, heads = 64, 1
    made = {"latents": torch.randn(1, 4, inner)}

    def linear(name: str, outputs: int, inputs: int, *, bias: bool = True) -> None:
        made[f"{name}.weight"] = torch.randn(outputs, inputs) / inputs**0.5
        if bias:
            made[f"{name}.bias"] = torch.zeros(outputs)

    def norm(name: str, width: int) -> None:
        made[f"{name}.weight"], made[f"{name}.bias"] = torch.ones(width), torch.zeros(width)

    linear("proj_in", inner, HIDDEN)
    linear("proj_out", texts, inner)
    norm("norm_out", texts)
    for layer in range(4):
        norm(f"layers.{layer}.0.norm1", inner)
        norm(f"layers.{layer}.0.norm2", inner)
        linear(f"layers.{layer}.0.to_q", 64 * heads, inner, bias=False)
        linear(f"layers.{layer}.0.to_kv", 128 * heads, inner, bias=False)
        linear(f"layers.{layer}.0.to_out", inner, 64 * heads, bias=False)
        norm(f"layers.{layer}.1.0", inner)
        linear(f"layers.{layer}.1.1", 4 * inner, inner, bias=False)
        linear(f"layers.{layer}.1.3", inner, 4 * inner, bias=False)
    return made
