# SPDX-License-Identifier: GPL-3.0-or-later
"""A denoising network in a file of its own, .safetensors or GGUF, as other programs write it.

The file is held against the network's configuration before its numbers are read: it may be of another member of the
family, or of another family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ...protocol.errors import SjcError
from ...protocol.model_families import tensor_headers
from ...protocol.outside_file import is_file
from ...protocol.shown import shown
from .gguf_file import gguf_state, gguf_tensors, is_gguf
from .quantised_layers import keep_quantised

NETWORK = "transformer"
"""The component that such a file holds."""

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.")
"""What programs put before the names of a network's tensors; the first that a file has counts."""


def load_network(path: Path, rest: Path, named: str, dtype: torch.dtype) -> Any:
    """Load a network.

    Parameters
    ----------
    path : Path
        Its file, whose numbers `sjc_blender.engine.score_models.single_file.configuration_of` has judged.
    rest : Path
        The folder of the rest of its model, with its configuration.
    named : str
        Its class.

    Raises
    ------
    SjcError
        ``missing_configuration``, ``unsupported_file`` for a class of which diffusers reads no files,
        ``broken_model`` if it is no network of that configuration.
    """
    import diffusers

    if not is_file(rest / NETWORK / "config.json"):
        raise SjcError(
            "missing_configuration",
            f"{path} holds weights only; the configuration of its network was not found in {rest / NETWORK}.",
            f"Put the model's {NETWORK}/config.json there.",
        )
    kind = getattr(diffusers, named)
    if not hasattr(kind, "from_single_file"):
        raise SjcError(
            "unsupported_file",
            f"{path} holds a network of the class {named}, of which diffusers reads no single files.",
            f"Put its weights into {rest / NETWORK}, as they are in the model's repository, and choose {rest}.",
        )
    _require_fit(path, rest, kind)
    told: dict[str, Any] = {}
    if is_gguf(path):
        if not diffusers.utils.is_gguf_available():
            raise SjcError(
                "unsupported_file",
                f"{path} is a GGUF file, and the engine's Python lacks the package gguf that reads such weights.",
                "Press Update Engine, or install gguf into the Python that the engine runs in.",
            )
        told = {"quantization_config": diffusers.GGUFQuantizationConfig(compute_dtype=dtype)}
    tensors = gguf_state(path) if told else load_file(path)
    network = kind.from_single_file(
        {bare: tensors.pop(name) for name, bare in bare_names(list(tensors)).items()},
        config=str(rest),
        subfolder=NETWORK,
        dtype=dtype,
        local_files_only=True,
        **told,
    )
    if told:
        keep_quantised(network, dtype)
    return network


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a file, by its header; SjcError as of `gguf_tensors`."""
    if is_gguf(path):
        return {name: one.shape for name, one in gguf_tensors(path).items()}
    return {name: tuple(header.get("shape", ())) for name, header in tensor_headers(path).items()}


def bare_names(names: Iterable[str]) -> dict[str, str]:
    """The names of the network's tensors, and what they are without what other programs put before them."""
    names = list(names)
    prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in names)), "")
    return {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def _require_fit(path: Path, rest: Path, kind: Any) -> None:
    """Compare names and shapes with those of the configuration, after they were renamed as diffusers does it."""
    config = kind.load_config(str(rest), subfolder=NETWORK, local_files_only=True)
    with torch.device("meta"):
        expected = kind.from_config(config)
    shapes = tensor_shapes(path)
    found = {bare: torch.empty(shapes[name], device="meta") for name, bare in bare_names(shapes).items()}
    read = [_faults(one, expected) for one in (found, _renamed(kind, config, found)) if one is not None]
    fewest = min(read, key=lambda faults: sum(map(len, faults.values())))
    for why, names in fewest.items():
        if names:
            raise SjcError(
                "broken_model",
                f"The network in {path} is not one of the configuration in {rest / NETWORK}: it {why} {len(names)} "
                f"tensors, {shown(names[0], 80)!r} for one.",
                "Put the folder of the model that it was made from there, or download the file again.",
            )


def _renamed(kind: Any, config: Any, found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    """Tensors without numbers by diffusers' names, None if they are not those that it knows to rename."""
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

    rename = SINGLE_FILE_LOADABLE_CLASSES[kind.__name__]["checkpoint_mapping_fn"]
    try:
        renamed: dict[str, torch.Tensor] = rename(checkpoint=dict(found), config=config)
    except Exception:  # whatever a tensor that is missing leads to
        return None
    return {name: one for name, one in renamed.items() if one is not None}


def _faults(found: Mapping[str, torch.Tensor], expected: torch.nn.Module) -> dict[str, list[str]]:
    """The names that are wrong, by what is wrong with them."""
    wanted = {name: one.shape for name, one in expected.state_dict().items()}
    return {
        "has other sizes in": [name for name, one in found.items() if one.shape != wanted.get(name, one.shape)],
        "lacks": [name for name, _ in expected.named_parameters() if name not in found],
        "has more than is told there,": [name for name in found if name not in wanted],
    }
