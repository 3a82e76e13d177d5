"""A ControlNet with random weights for a tiny model, saved by diffusers itself."""

from pathlib import Path

import torch
from diffusers import ControlNetModel, UNet2DConditionModel

BRIGHT = 0.3
"""Deviation of its last layers, which in training begin at zero."""


def save_control(folder: Path, model: Path, *, silent: bool = False, **changes: object) -> Path:
    """Save a ControlNet for the pipeline `model`; with `silent` it adds nothing, as before its training."""
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        usual = ControlNetModel.from_unet(
            unet, conditioning_embedding_out_channels=(8, 16), load_weights_from_unet=False
        )
        config = {**usual.config, "addition_embed_type_num_heads": 2, **changes}
        network = ControlNetModel(**{name: value for name, value in config.items() if not name.startswith("_")})
        if not silent:
            last = [*network.controlnet_down_blocks, network.controlnet_mid_block]
            for layer in [*last, network.controlnet_cond_embedding.conv_out]:
                torch.nn.init.normal_(layer.weight, std=BRIGHT)
    network.save_pretrained(folder, safe_serialization=True)
    return folder
