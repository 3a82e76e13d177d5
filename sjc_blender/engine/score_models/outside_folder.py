# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's folder may come from anyone: what libraries will read of it is judged before they do.

Files are regular and lie in the folder, or in the blobs of the hub's cache that it is part of; headers and
configurations have sizes that a model can have, so that reading one neither takes minutes nor all memory; and nothing
names another model to be loaded along.
"""

from __future__ import annotations

import itertools
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...protocol.errors import SjcError
from ...protocol.json_text import BadJson, read_json
from ...protocol.model_families import LARGEST_CONFIGURATION, LARGEST_HEADER, json_object, safetensors_header
from ...protocol.outside_file import UnusableFile, is_file, is_folder
from ...protocol.shown import shown
from .model_source import PICKLED_SUFFIXES

MOST_ENTRIES = 2000
LARGEST_TEXT = 100_000_000
"""Bytes of a settings file or a vocabulary; the largest vocabularies in use have a fifth of it."""

MOST_VALUES = 100_000
DEEPEST = 12
LARGEST_NUMBER = 1_000_000
LARGEST = {
    "num_train_timesteps": 100_000,
    "sample_size": 4096,
    "pos_embed_max_size": 1024,
    "rope_theta": 1_000_000_000,  # a base of rotary positions, no size
}
COUNTED_POSITIONS = "AuraFlowTransformer2DModel"
"""A class whose pos_embed_max_size is a number of positions, not the side of a square of them."""
MOST_COUNTED = 100_000

UNBOUNDED = {"lambda_min_clipped": -math.inf}
"""What schedulers of diffusers write where they have no limit."""

MOST_LAYERS = 256
MOST_BLOCKS = 32
MOST_POSITIONS = 1_000_000_000
"""Numbers in a table of positions, which is computed while a network is built: SD 3.5 has 360 million."""

ADAPTER = "adapter_config.json"
VOCABULARIES = {
    "tokenizer_file": ("tokenizer.json",),
    "vocab_file": ("vocab.json", "spiece.model", "tokenizer.model", "vocab.txt", "tokenizer.json"),
    "merges_file": ("merges.txt", "tokenizer.json"),
}
"""What a tokenizer's configuration calls the files of its words, and their names in the folder, which go first."""

QUANTISATION = ("quantization_config", "compression_config")
KNOWN_ATTENTION = (None, "eager", "sdpa")


def require_component(root: Path, folder: Path) -> None:
    """Judge the folder of a component.

    Parameters
    ----------
    root : Path
        The model's folder.
    folder : Path
        `root` itself, or a folder in it.

    Raises
    ------
    SjcError
        ``unsafe_model`` with the file and the reason; ``broken_model`` for a header or a configuration beyond
        measure.
    """
    if not _lies_in(folder, root):
        raise _unsafe(folder, "leads out of the model's folder")
    try:
        files = list(itertools.islice(folder.iterdir(), MOST_ENTRIES + 1))
    except OSError as error:
        raise _broken(folder, f"cannot be read ({error.strerror})", "Let yourself read it") from error
    if len(files) > MOST_ENTRIES:
        raise _unsafe(folder, f"holds more than {MOST_ENTRIES} files")
    for file in files:
        if not is_folder(file):
            _require_file(root, file)


def _require_file(root: Path, file: Path) -> None:
    try:
        status = file.stat()
    except OSError as error:
        raise _unsafe(file, "is a link that leads nowhere" if file.is_symlink() else "cannot be read") from error
    if not stat.S_ISREG(status.st_mode):
        raise _unsafe(file, "is a pipe, a device or a socket")
    if not _lies_in(file, root):
        raise _unsafe(file, "is a link that leads out of the model's folder")
    if file.name == ADAPTER:
        raise _unsafe(file, "asks for another model to be loaded with it", "Merge the adapter into the model, or")
    if file.suffix not in (".safetensors", *PICKLED_SUFFIXES) and status.st_size > LARGEST_TEXT:
        raise _broken(file, f"has {status.st_size / 1e6:.0f} MB; such a file has at most {LARGEST_TEXT / 1e6:.0f}")
    if file.name in ("config.json", "scheduler_config.json"):
        _require_configuration(file)
    elif file.name == "tokenizer_config.json":
        _require_vocabulary(file)
    elif file.name.endswith(".index.json"):
        _require_shards(file)


def require_header(file: Path) -> None:
    """Refuse a .safetensors file whose header is beyond measure, SjcError ``broken_model``."""
    if not safetensors_header(file):
        raise _broken(file, f"has no header, or one of more than {LARGEST_HEADER / 1e6:.0f} MB")


def _configuration(file: Path) -> dict[str, Any]:
    try:
        config = read_json(file, LARGEST_CONFIGURATION, as_libraries=True)
    except UnusableFile as error:
        raise _broken(file, str(error)) from error
    except BadJson as error:
        raise _broken(file, f"is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise _broken(file, "holds no configuration")
    return config


def _require_vocabulary(file: Path) -> None:
    """Refuse a tokenizer whose words transformers would read from where its configuration says.

    Paths of the computer that it was saved on are usual. They count where the folder has no such file of its own.
    """
    config = _configuration(file)
    for name in ("vocab", "merges", *VOCABULARIES):
        own = any(is_file(file.with_name(known)) for known in VOCABULARIES.get(name, ()))
        if isinstance(config.get(name), str) and not own:
            raise _unsafe(file, f"names {shown(config[name], 60)!r} to be read as its {name}")
    versions = config.get("fast_tokenizer_files") or []
    strange = [name for name in versions if not isinstance(name, str) or Path(name).name != name]
    if strange:
        raise _unsafe(file, f"names {shown(str(strange[0]), 60)!r} as a file of its own")


def _require_configuration(file: Path) -> None:
    config = _configuration(file)
    if not config:
        raise _broken(file, "holds no configuration")
    counted = config.get("_class_name") == COUNTED_POSITIONS
    for name, value in config.items():
        if counted and name == "pos_embed_max_size" and isinstance(value, int) and 0 < value <= MOST_COUNTED:
            continue
        _require_value(file, name, value)
    for name in ("attn_implementation", "_attn_implementation"):
        if config.get(name) not in KNOWN_ATTENTION:
            raise _unsafe(file, f"has {name} {str(config[name])[:60]!r}, which needs code of others")
    _require_unquantised(file, config)
    heads, width = (config.get(name) or 1 for name in ("num_attention_heads", "attention_head_dim"))
    side = config.get("pos_embed_max_size") or (config.get("sample_size") if "patch_size" in config else 0)
    sizes: tuple[Any, ...] = (heads, width, side, 1 if counted else side)
    if all(isinstance(size, int) for size in sizes) and math.prod(sizes) > MOST_POSITIONS:
        raise _broken(file, f"asks for a table of {side} x {side} positions {heads * width} wide")


def _require_unquantised(file: Path, config: Mapping[str, Any]) -> None:
    """Refuse weights that packages for quantisation read, in a part of the network too."""
    for part in (config, *(value for value in config.values() if isinstance(value, Mapping))):
        told = next((part[name] for name in QUANTISATION if part.get(name) is not None), None)
        if told is not None:
            method = told.get("quant_method") if isinstance(told, Mapping) else None
            by = f" by {shown(str(method), 40)!r}" if method else ""
            raise _unsafe(
                file,
                f"tells of a network quantised{by}, which is not read",
                "Choose its folder of unquantised weights, or a .gguf file of its denoising network, or",
            )


def _require_value(file: Path, name: str, value: Any) -> None:
    if name in UNBOUNDED and value == UNBOUNDED[name]:
        return
    largest = LARGEST.get(name, LARGEST_NUMBER)
    if "layers" in name or "depth" in name:
        largest = MOST_LAYERS
    for count, (depth, part) in enumerate(_parts(value)):
        if depth > DEEPEST or count > MOST_VALUES:
            raise _broken(file, f"has too much in {name!r}")
        if isinstance(part, list | tuple) and ("block" in name or "channels" in name) and len(part) > MOST_BLOCKS:
            raise _broken(file, f"has {len(part)} entries in {name!r}; allowed are {MOST_BLOCKS}")
        if isinstance(part, int | float) and not abs(part) <= largest:
            raise _broken(file, f"has {str(part)[:40]} in {name!r}; allowed is up to {largest}")


def _parts(value: Any, depth: int = 0) -> Iterator[tuple[int, Any]]:
    yield depth, value
    if depth <= DEEPEST and isinstance(value, Mapping | list):
        for part in _inside(value):
            yield from _parts(part, depth + 1)


def _inside(value: Mapping[str, Any] | list[Any]) -> Iterator[Any]:
    """What a collection holds, but for numbers that may be larger than sizes."""
    if isinstance(value, list):
        yield from value
        return
    for name, part in value.items():
        base = isinstance(part, int | float) and name == "rope_theta" and abs(part) <= LARGEST["rope_theta"]
        if not base:
            yield part


def _require_shards(file: Path) -> None:
    shards = json_object(file).get("weight_map")
    names = set(map(str, shards.values())) if isinstance(shards, dict) else {""}
    strange = next((n for n in sorted(names) if not n.endswith(".safetensors") or Path(n).name != n), None)
    if strange is not None and ".bin.index" not in file.name:
        raise _unsafe(file, f"names {strange[:60]!r} as a part of the weights")


def _lies_in(path: Path, root: Path) -> bool:
    whole = Path(os.path.realpath(root))
    allowed = [whole]
    if whole.parent.name == "snapshots":  # of the hub's cache, whose snapshots are links to its blobs
        allowed.append(whole.parents[1] / "blobs")
    found = Path(os.path.realpath(path))
    return any(found.is_relative_to(folder) for folder in allowed)


def _unsafe(path: Path, why: str, do: str = "Mend that if the model is yours; else") -> SjcError:
    told = f"{path}, of the model, {why}. Nothing of the model was loaded."
    return SjcError("unsafe_model", told, f"{do} choose another model.")


def _broken(path: Path, why: str, do: str = "It is damaged, or not a model: download it again") -> SjcError:
    return SjcError("broken_model", f"{path}, of the model, {why}.", f"{do}, or choose another.")
