# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a folder is a diffusers pipeline that can be loaded, judged before anything is loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX
from ...protocol.json_text import BadJson, read_json
from ...protocol.model_families import FAMILIES, LARGEST_CONFIGURATION
from ...protocol.outside_file import UnusableFile, is_file, is_folder
from .model_source import PICKLED_SUFFIXES, pickled
from .outside_folder import require_component, require_header
from .plain_numbers import require_plain_numbers

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
    absent : tuple of str
        Optional components that it lacks.
    """

    path: Path
    pipeline: str
    variant: str | None
    absent: tuple[str, ...] = ()


def unknown_folder(path: Path) -> SjcError:
    """Why a folder is of no known family: ``not_a_pipeline`` or ``unsupported_pipeline``."""
    try:
        name = _read_index(path).get("_class_name")
    except SjcError as error:
        return error
    supported = (pipeline for family in FAMILIES for pipeline in family.pipelines)
    return SjcError(
        "unsupported_pipeline",
        f"{path} is a pipeline of the class {name!r}; supported: {', '.join(supported)}.",
        _other_pipeline(str(name)),
    )


def unsupported_class(path: Path, why: str) -> SjcError:
    """The refusal of a pipeline outside the table of families that cannot be used."""
    name = str(_read_index(path).get("_class_name"))
    return SjcError(
        "unsupported_pipeline",
        f"{path} is a pipeline of the class {name[:80]!r}, which cannot be used: {why}.",
        "Choose a model of a family in the list of text-to-image pipelines (docs/families.md), or Stable Diffusion XL.",
    )


def _other_pipeline(name: str) -> str:
    """What to do instead of a pipeline that cannot be used."""
    if any(word in name for word in ("MVDream", "ImageDream", "Zero123Plus", "Variation", "ImageEmbed")):
        return "Models of several views or of a given picture cannot be used here; choose one of text to image."
    if any(word in name for word in ("Inpaint", "Img2Img", "Upscale", "Depth2Img", "InstructPix2Pix")):
        return "It changes a given picture; choose the text-to-image model of the same family."
    return "Choose a model of one of these classes."


def examine_folder(
    path: Path,
    networks: Collection[str],
    parts: Collection[str],
    optional: Collection[str] = (),
    classes: Mapping[str, tuple[str, ...]] | None = None,
    *,
    weights: bool = True,
) -> PipelineFolder:
    """Read a pipeline's index and look for its components.

    Parameters
    ----------
    networks : collection of str
        Components that have weights.
    parts : collection of str
        The others.
    optional : collection of str
        Those of both that may be missing.
    classes : mapping of str to tuple of str
        By component, what it may be, see `component_classes`.
    weights : bool
        Whether it needs weights; without them it is the configuration of a single file.

    Raises
    ------
    SjcError
        ``not_a_pipeline``, ``missing_component``, ``pickled_weights``, ``unsupported_pipeline`` for other classes
        and custom code, ``unsafe_model``, ``broken_model``; each names the folder and what was expected in it.
    """
    index = _read_index(path)
    absent = tuple(name for name in optional if _is_absent(path, name, index.get(name)))
    folders = {}
    for name in (*networks, *parts):
        if name in absent or (not weights and not is_folder(path / name)):
            continue
        folders[name] = _component_folder(path, name, index.get(name), (classes or {}).get(name))
        require_component(path, folders[name])
    variants = {weights_variant(folder) for name, folder in folders.items() if weights and name in networks}
    variant = HALF_VARIANT if HALF_VARIANT in variants else None
    return PipelineFolder(path, str(index.get("_class_name")), variant, absent)


def _read_index(path: Path) -> dict[str, object]:
    file = path / INDEX
    if not is_file(file):
        raise SjcError(
            "not_a_pipeline",
            f"The folder {path} is not a diffusers pipeline: it holds no {INDEX}.",
            "Choose the folder that holds it, beside such as unet/ and scheduler/.",
        )
    try:
        index = read_json(file, LARGEST_CONFIGURATION, as_libraries=True)
    except (UnusableFile, BadJson) as error:
        raise SjcError("not_a_pipeline", f"{file} cannot be read: {error}.", "Download the model again.") from error
    if not isinstance(index, dict):
        raise SjcError("not_a_pipeline", f"{file} holds no JSON object.", "Download the model again.")
    return index


def _library(entry: object) -> object:
    return entry[0] if isinstance(entry, list) and entry else None


def _is_absent(path: Path, component: str, entry: object) -> bool:
    return _library(entry) is None or not is_folder(path / component)


def _component_folder(path: Path, component: str, entry: object, classes: tuple[str, ...] | None) -> Path:
    """Where a component lies: in a folder of its own or, in old folders of one network, at the top."""
    library = _library(entry)
    folder = path / component
    if not is_folder(folder) and is_file(
        path / ("scheduler_config.json" if component == "scheduler" else "config.json")
    ):
        folder = path
    if library is None or not is_folder(folder):
        raise SjcError(
            "missing_component",
            f"The pipeline {path} lacks its component {component!r}"
            + (f" (named in {INDEX}, but there is no such folder)." if library else f" ({INDEX} does not name it)."),
            "Download the whole model again.",
        )
    named = ".".join(map(str, entry)) if isinstance(entry, list) else ""
    if library not in LIBRARIES and named not in (classes or ()):
        raise SjcError(
            "unsupported_pipeline",
            f"The component {component!r} of {path} is code of its own ({str(library)[:60]}); only components of "
            f"{' and '.join(LIBRARIES)} are loaded.",
            "Choose a model without custom code.",
        )
    if classes is not None and named not in classes:
        raise SjcError(
            "unsupported_pipeline",
            f"The component {component!r} of {path} is a {named[:80]}; in models of its family it is a "
            f"{' or a '.join(classes[:3])}.",
            _advice(component, named),
        )
    return folder


def _advice(component: str, named: str) -> str:
    if component == "scheduler" and "FlowMatch" in named:
        return (
            "A flow-matching scheduler belongs to models such as Stable Diffusion 3. If this model was trained as "
            f"usual, name its own scheduler in {INDEX}, and in scheduler/scheduler_config.json its noise levels."
        )
    if component == "scheduler" and "EDM" in named:
        return (
            "Its network was trained on the noise levels of EDM, which are known of the format of Stable Diffusion XL; "
            "a scheduler of another kind would be wrong for it. Choose the model that it was made from."
        )
    if component == "scheduler":
        return f"Name a usual scheduler of the family in {INDEX}, such as DDIMScheduler, or choose another model."
    return "Choose a model whose parts are of the usual classes."


def weights_variant(component: Path) -> str | None:
    """Which weights of a network to take: None for the plain ones, ``"fp16"`` if there are only those.

    Raises
    ------
    SjcError
        ``pickled_weights``, ``missing_component``, ``broken_model`` for a header beyond measure,
        ``unsupported_file`` for quantised weights.
    """
    weights = [file for file in component.glob("*.safetensors") if is_file(file)]
    # model.safetensors or model-00001-of-00002.safetensors; a variant is an infix: model.fp16.safetensors
    plain = [file for file in weights if file.name.count(".") == 1]
    half = [file for file in weights if f".{HALF_VARIANT}" in file.name]
    for file in plain or half:
        require_header(file)
        require_plain_numbers(file)
    if plain or half:
        return None if plain else HALF_VARIANT
    pickles = [file for file in component.iterdir() if file.suffix in PICKLED_SUFFIXES]
    if pickles:
        raise pickled(pickles[0])
    raise SjcError(
        "missing_component",
        f"{component} holds no weights (no .safetensors file).",
        "Download the whole model again.",
    )
