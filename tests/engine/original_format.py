"""Saves a tiny pipeline under the names of the original Stable Diffusion checkpoints: diffusers' import, inverted."""

from pathlib import Path

from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

_UNET_BLOCKS = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
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


def save_original_format(pipeline: StableDiffusionPipeline, file: Path) -> None:
    """Write the weights of a tiny pipeline as one .safetensors file."""
    weights = {}
    for name, tensor in pipeline.unet.state_dict().items():
        weights["model.diffusion_model." + _renamed_unet(name)] = tensor
    for name, tensor in pipeline.vae.state_dict().items():
        weights["first_stage_model." + _renamed(name, _VAE_BLOCKS)] = tensor
    for name, tensor in pipeline.text_encoder.state_dict().items():
        weights["cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")] = tensor
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)


def _renamed_unet(name: str) -> str:
    inside_resnet = ".resnets." in name
    name = _renamed(name, {key: value for key, value in _UNET_BLOCKS.items() if name.startswith(key)})
    return _renamed(name, _UNET_RESNET) if inside_resnet else name


def _renamed(name: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        name = name.replace(ours, theirs)
    return name
