"""A model's network in a GGUF file, written by the format's own library, with the rest of the model beside it."""

import shutil

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "diffusion_pytorch_model.safetensors"
KIND = gguf.GGMLQuantizationType


def save_gguf(file, tensors, kind):
    """Write tensors (a mapping of names to them): what is a matrix of whole blocks as `kind`, the rest as float32."""
    writer = gguf.GGUFWriter(str(file), "test")
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        if takes(numbers, kind):
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def takes(numbers, kind):
    """Whether a tensor is quantised."""
    return numbers.ndim == 2 and numbers.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0


def as_stored(tensor, kind):
    """A tensor's numbers after they were quantised."""
    numbers = tensor.float().numpy()
    if not takes(numbers, kind):
        return tensor
    return torch.from_numpy(np.array(gguf.quants.dequantize(gguf.quants.quantize(numbers, kind), kind), np.float32))


def split_model(folder, place, kind, *, prefix=""):
    """A model with its network in a GGUF file; and the same as a folder, whose network has the file's numbers."""
    plain = shutil.copytree(folder, place / "plain")
    weights = plain / "transformer" / WEIGHTS
    tensors = load_file(weights)
    save_file({name: as_stored(tensor, kind) for name, tensor in tensors.items()}, weights)
    rest = shutil.copytree(folder, place / "model")
    (rest / "transformer" / WEIGHTS).unlink()
    file = save_gguf(place / "model.gguf", {prefix + name: one for name, one in tensors.items()}, kind)
    return file, plain
