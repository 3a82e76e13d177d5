# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the numbers in a .safetensors file are weights as they are."""

from __future__ import annotations

from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.model_families import tensor_headers

QUANTISED = (
    ".absmax", ".quant_map", ".quant_state", "scale_weight", "scale_input", "weight_scale", "input_scale", "scaled_fp8",
    "comfy_quant", ".qweight", ".qzeros", ".wscales", "._scale", "_qdata", "_amax", ".zero_point", "weight_packed",
)  # fmt: skip
"""In the names of tensors that go with quantised ones: of bitsandbytes, ComfyUI, GPTQ, Nunchaku, quanto, torchao,
ModelOpt and others."""

PACKED = ("I8", "U8", "I32", "U32", "F4", "F8_E8M0")
"""Kinds of numbers that weights only have where they are quantised."""


def require_plain_numbers(file: Path) -> None:
    """Refuse quantised weights, whose numbers mean something with scales or tables alone; SjcError."""
    for name, header in tensor_headers(file).items():
        packed = header.get("dtype") in PACKED and len(header.get("shape") or ()) > 1
        if packed or any(mark in name for mark in QUANTISED):
            raise SjcError(
                "unsupported_file",
                f"{file} holds quantised weights ({name[:100]!r}), which are not read.",
                "Choose the model's weights in float16, bfloat16 or float32, or its network as a .gguf file.",
            )
