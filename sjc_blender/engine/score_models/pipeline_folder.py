"""Whether a folder is a diffusers pipeline that can be loaded, judged before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...protocol.errors import SjcError
from .model_source import INDEX, PICKLED_SUFFIXES, pickled

LIBRARIES = ("diffusers", "transformers")
HALF_VARIANT = "fp16"


@dataclass(frozen=True)
class PipelineFolder:
    """A folder that has passed the examination.

    Attributes
    ----------
    path : Path
    pipeline : str
        Class name of the pipeline.
    variant : str or None
        ``"fp16"`` if the folder has no other weights than that variant.
    """

    path: Path
    pipeline: str
    variant: str | None


def examine_folder(path: Path, supported: Mapping[str, Collection[str]], weighted: Collection[str]) -> PipelineFolder:
    """Read a pipeline's index and look for its parts.

    Parameters
    ----------
    path : Path
    supported : mapping
        Names of pipeline classes, each with the names of the components it needs.
    weighted : collection of str
        The components that have weights.

    Raises
    ------
    SjcError
        ``not_a_pipeline``, ``unsupported_pipeline``, ``missing_component``, ``pickled_weights``, each naming
        the folder and what was expected in it.
    """
    index = _read_index(path)
    name = index.get("_class_name")
    if not isinstance(name, str) or name not in supported:
        raise SjcError(
            "unsupported_pipeline",
            f"{path} is a pipeline of the class {name!r}; supported: {', '.join(supported)}.",
            "Choose a model of a supported class, such as Stable Diffusion 1.5 or 2.1.",
        )
    for component in supported[name]:
        _check_component(path, component, index.get(component))
    variants = {_variant(path / component) for component in supported[name] if component in weighted}
    return PipelineFolder(path, name, HALF_VARIANT if HALF_VARIANT in variants else None)


def _read_index(path: Path) -> dict[str, object]:
    file = path / INDEX
    if not file.is_file():
        raise SjcError(
            "not_a_pipeline",
            f"The folder {path} is no diffusers pipeline: it holds no {INDEX}.",
            "Choose the folder that holds it, beside unet/, vae/, text_encoder/, tokenizer/ and scheduler/.",
        )
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SjcError("not_a_pipeline", f"{file} cannot be read: {error}.", "Download the model again.") from error
    if not isinstance(index, dict):
        raise SjcError("not_a_pipeline", f"{file} holds no JSON object.", "Download the model again.")
    return index


def _check_component(path: Path, component: str, entry: object) -> None:
    library = entry[0] if isinstance(entry, list) and entry else None
    if library is None or not (path / component).is_dir():
        raise SjcError(
            "missing_component",
            f"The pipeline {path} lacks its component {component!r}"
            + (f" (named in {INDEX}, but there is no such folder)." if library else f" ({INDEX} does not name it)."),
            "Download the whole model again.",
        )
    if library not in LIBRARIES:
        raise SjcError(
            "unsupported_pipeline",
            f"The component {component!r} of {path} is code of its own ({library}); only components of "
            f"{' and '.join(LIBRARIES)} are loaded.",
            "Choose a model without custom code.",
        )


def _variant(component: Path) -> str | None:
    """Which weights to take: None for the plain ones, ``"fp16"`` if there are only those."""
    weights = list(component.glob("*.safetensors"))
    # model.safetensors or model-00001-of-00002.safetensors; a variant is an infix: model.fp16.safetensors
    if any(file.name.count(".") == 1 for file in weights):
        return None
    if any(f".{HALF_VARIANT}" in file.name for file in weights):
        return HALF_VARIANT
    pickles = [file for file in component.iterdir() if file.suffix in PICKLED_SUFFIXES]
    if pickles:
        raise pickled(pickles[0])
    raise SjcError(
        "missing_component",
        f"{component} holds no weights (no .safetensors file).",
        "Download the whole model again.",
    )
