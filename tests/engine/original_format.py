"""Saves a tiny pipeline under the names of the original Stable Diffusion checkpoints: diffusers' import, inverted."""

from pathlib import Path

import torch
from safetensors.torch import save_file

_UNET_BLOCKS = {
    "class_embedding.linear_1.": "camera_embed.0.",
    "class_embedding.linear_2.": "camera_embed.2.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_in.": "input_blocks.0.0.",
    "down_blocks.0.resnets.0.": "input_blocks.1.0.",
    "down_blocks.0.downsamplers.0.conv.": "input_blocks.2.0.op.",
    "down_blocks.1.resnets.0.": "input_blocks.3.0.",
    "down_blocks.1.attentions.0.": "input_blocks.3.1.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
    "up_blocks.0.resnets.0.": "output_blocks.0.0.",
    "up_blocks.0.attentions.0.": "output_blocks.0.1.",
    "up_blocks.0.resnets.1.": "output_blocks.1.0.",
    "up_blocks.0.attentions.1.": "output_blocks.1.1.",
    "up_blocks.0.upsamplers.0.conv.": "output_blocks.1.2.conv.",
    "up_blocks.1.resnets.0.": "output_blocks.2.0.",
    "up_blocks.1.resnets.1.": "output_blocks.3.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
}
_UNET_RESNET = {
    "norm1.": "in_layers.0.",
    "conv1.": "in_layers.2.",
    "time_emb_proj.": "emb_layers.1.",
    "norm2.": "out_layers.0.",
    "conv2.": "out_layers.3.",
    "conv_shortcut.": "skip_connection.",
}
# The original decoder counts its levels from the finest.
_VAE_BLOCKS = {
    "encoder.down_blocks.0.resnets.": "encoder.down.0.block.",
    "encoder.down_blocks.1.resnets.": "encoder.down.1.block.",
    "encoder.down_blocks.0.downsamplers.0.": "encoder.down.0.downsample.",
    "decoder.up_blocks.0.resnets.": "decoder.up.1.block.",
    "decoder.up_blocks.1.resnets.": "decoder.up.0.block.",
    "decoder.up_blocks.0.upsamplers.0.": "decoder.up.1.upsample.",
    "mid_block.resnets.0.": "mid.block_1.",
    "mid_block.resnets.1.": "mid.block_2.",
    "conv_norm_out.": "norm_out.",
    "conv_shortcut.": "nin_shortcut.",
}


# Those of open_clip, whose encoder is the second of SDXL.
_OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.": "token_embedding.",
    "final_layer_norm.": "ln_final.",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
    "self_attn.out_proj.": "attn.out_proj.",
}


def save_original_format(pipeline, file: Path) -> None:
    """Write the weights of a tiny pipeline, of Stable Diffusion or its XL, as one .safetensors file."""
    weights = {}
    for name, tensor in pipeline.unet.state_dict().items():
        weights["model.diffusion_model." + renamed_unet(name)] = tensor
    for name, tensor in pipeline.vae.state_dict().items():
        weights["first_stage_model." + _renamed(name, _VAE_BLOCKS)] = tensor
    second = getattr(pipeline, "text_encoder_2", None)
    first = "cond_stage_model." if second is None else "conditioner.embedders.0."
    for name, tensor in pipeline.text_encoder.state_dict().items():
        weights[f"{first}transformer.text_model." + name.removeprefix("text_model.")] = tensor
    if second is not None:
        weights |= {f"conditioner.embedders.1.model.{name}": t for name, t in _open_clip(second.state_dict()).items()}
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)


def _open_clip(state):
    """Query, key and value are one matrix there, and the projection is transposed."""
    weights = {}
    for name, tensor in state.items():
        name = name.removeprefix("text_model.")
        if name == "text_projection.weight":
            weights["text_projection"] = tensor.T
        elif ".q_proj." in name:
            parts = [next(state[k] for k in state if k.endswith(name.replace("q_proj", part))) for part in _QKV]
            joined = name.replace("self_attn.q_proj.", "attn.in_proj_")
            weights[_renamed(joined, _OPEN_CLIP)] = torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            weights[_renamed(name, _OPEN_CLIP)] = tensor
    return weights


_QKV = ("q_proj", "k_proj", "v_proj")


def renamed_unet(name: str) -> str:
    """The original name of a U-Net's tensor."""
    inside_resnet = ".resnets." in name
    name = _renamed(name, {key: value for key, value in _UNET_BLOCKS.items() if name.startswith(key)})
    return _renamed(name, _UNET_RESNET) if inside_resnet else name


def _renamed(name: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        name = name.replace(ours, theirs)
    return name
