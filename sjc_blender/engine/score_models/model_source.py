# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user names as a model to a folder or file on this computer. Nothing is ever downloaded."""

from __future__ import annotations

from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.hub_cache import HUB_ID, INDEX, cached_snapshot
from ...protocol.model_families import BUILTIN
from ...protocol.outside_file import is_file, is_folder
from .gguf_file import SUFFIX as GGUF

PICKLED_SUFFIXES = (".ckpt", ".bin", ".pt", ".pth", ".pkl")


def locate_model(source: str) -> Path:
    """Find a model.

    Parameters
    ----------
    source : str
        See `sjc_blender.protocol.spec.ModelSpec.source`.

    Returns
    -------
    Path
        An existing folder (not yet examined) or an existing ``.safetensors`` or ``.gguf`` file.

    Raises
    ------
    SjcError
        ``unknown_model`` if there is no such thing, ``pickled_weights`` and ``unsupported_file`` for files of
        other kinds.
    """
    if source == "builtin":
        return _builtin()
    path = expanded(source)
    if is_folder(path):
        return path
    if is_file(path):
        return _checked_file(path)
    snapshot = cached_snapshot(source)
    if snapshot is None:
        raise _unknown(source)
    return snapshot


def download_command(hub_id: str, *patterns: str) -> str:
    """Shell command that puts files of a Hugging Face id into the cache."""
    return f"hf download {hub_id} " + " ".join(f'--include "{pattern}"' for pattern in patterns)


def pickled(path: Path) -> SjcError:
    """The refusal of a pickled file: loading one runs whatever code its author put there."""
    return SjcError(
        "pickled_weights",
        f"{path} holds weights as a pickle, which can run any code when it is loaded; only .safetensors is read.",
        "Convert it with a tool that you trust, or download the .safetensors version of the model.",
    )


def _builtin() -> Path:
    if not is_file(BUILTIN / INDEX):
        raise SjcError(
            "unknown_model",
            f"The built-in prior is missing from this installation ({BUILTIN}).",
            "Install the add-on again, or choose another model.",
        )
    return BUILTIN


def _checked_file(path: Path) -> Path:
    suffix = path.suffix.lower()
    if suffix in PICKLED_SUFFIXES:
        raise pickled(path)
    if suffix not in (".safetensors", GGUF):
        kind = f"of the kind {suffix}" if suffix else "without a suffix"
        raise SjcError(
            "unsupported_file",
            f"{path} is a file {kind}; a model is a .safetensors file, a .gguf file or a folder in diffusers format.",
            f"Choose the .safetensors file, or the folder that holds {INDEX}.",
        )
    return path


def _unknown(source: str) -> SjcError:
    looked = f"There is no folder and no file {str(expanded(source).absolute())!r}"
    if not HUB_ID.fullmatch(source):
        return SjcError(
            "unknown_model",
            f"The model {source!r} was not found. {looked}.",
            'Give "builtin", a folder in diffusers format, a .safetensors or .gguf file, or a Hugging Face id '
            "(owner/name) that is in the local cache.",
        )
    command = download_command(source, INDEX, "*/*.json", "*/*.txt", "*/*.safetensors")
    return SjcError(
        "unknown_model",
        f"The model {source!r} was not found. {looked}, and the local Hugging Face cache has no such id; "
        "the engine itself downloads nothing.",
        f"If it is a Hugging Face id, download it in the panel Model of Blender's sidebar, or run: {command}",
    )
