# SPDX-License-Identifier: GPL-3.0-or-later
"""The supported families of models, how each is recognised, and what it needs.

One table for whoever has to know: the engine that loads a model, the profile that says how to use it, the rules for
a job's prompt, and lists of models. The engine's adapters are in `sjc_blender.engine.score_models`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from .home import expanded
from .hub_cache import INDEX, cached_snapshot
from .json_text import BadJson, from_bytes, read_json
from .outside_file import UnusableFile, is_file, is_there, open_outside
from .text_to_image import OTHER, TEXT_TO_IMAGE, may_be_text_to_image

T = TypeVar("T")
P = ParamSpec("P")

MODELS = Path(__file__).resolve().parent.parent / "models"
BUILTIN = MODELS / "builtin"
REFERENCE_VIEWS = "reference_views.json"
PROFILE = "sjc.json"
LARGEST_HEADER = 10_000_000
"""Bytes of a .safetensors header: those in use have less than a tenth of it. The format itself allows 100 MB, which
take half a minute to read."""

LARGEST_CONFIGURATION = 4_000_000
"""Bytes of a JSON file with a model's configuration."""


@dataclass(frozen=True)
class ModelFamily:
    """The models that one adapter runs.

    Attributes
    ----------
    name : str
        That of its profile in ``sjc_blender/models/`` and of its adapter.
    title : str
        For people.
    conditioning : str
        Meaning of a prompt: ``"text"``, ``"class"`` (the name or number of a class) or ``"none"``; ``"picture"``: none
        either, for the model turns a picture into an object.
    pipelines : tuple of str
        Class names in ``model_index.json`` that mark it.
    samples : str
        What its samples are: ``"pixels"``, or the name of the autoencoder that its models share.
    together : int
        Views, evenly around the object, that its networks see at once.
    steered : bool
        Whether ControlNets and IP-Adapters that are made for its models can be used.
    download_gigabytes, gpu_gigabytes : float
        Rough size of a usual model in half precision, and graphics memory it takes without offloading.
    """

    name: str
    title: str
    conditioning: Literal["text", "class", "none", "picture"]
    pipelines: tuple[str, ...] = ()
    download_gigabytes: float = 0.0
    gpu_gigabytes: float = 0.0
    samples: str = "pixels"
    together: int = 1
    steered: bool = False

    @property
    def needs_prompt(self) -> bool:
        """Whether a job has to say what to make."""
        return self.conditioning not in ("none", "picture")

    @property
    def takes_picture(self) -> bool:
        """Whether its models turn a picture into an object."""
        return self.conditioning == "picture"

    @property
    def takes_adapters(self) -> bool:
        """Whether LoRAs and embeddings of words can be put on its models: they have a text encoder."""
        return self.conditioning == "text"


FAMILIES = (
    ModelFamily(
        "stable_diffusion",
        "Stable Diffusion 1.x and 2.x",
        "text",
        ("StableDiffusionPipeline",),
        2.6,
        4.0,
        samples="kl-f8",
        steered=True,
    ),
    ModelFamily(
        "stable_diffusion_xl",
        "Stable Diffusion XL",
        "text",
        ("StableDiffusionXLPipeline",),
        7.0,
        11.0,
        samples="kl-f8 xl",
        steered=True,
    ),
    ModelFamily(
        "mvdream", "MVDream: four views at once", "text", ("MVDreamPipeline",), 2.6, 6.0, samples="kl-f8", together=4
    ),
    ModelFamily(
        "zero123",
        "Zero-1-to-3: a picture as an object",
        "picture",
        ("Zero123Pipeline", "Zero1to3StableDiffusionPipeline"),
        2.6,
        5.0,
        samples="kl-f8",
    ),
    ModelFamily(
        "dit", "Diffusion Transformer of ImageNet's classes (DiT)", "class", ("DiTPipeline",), 3.0, 6.0, "kl-f8"
    ),
    ModelFamily("ddpm", "Pixels without a prompt (DDPM)", "none", ("DDPMPipeline", "DDIMPipeline"), 0.5, 4.0),
    ModelFamily("ddpm_classes", "Pixels of classes (DDPM with class labels)", "class", (), 0.5, 4.0),
    ModelFamily("score_sde_ve", "Score network without a prompt (NCSN++)", "none", ("ScoreSdeVePipeline",), 0.3, 4.0),
    ModelFamily("reference_views", "Reference views: pictures with their cameras, no network", "none"),
    *(
        ModelFamily(
            one.name,
            one.title,
            "text",
            (one.pipeline, *one.once),
            one.download_gigabytes,
            one.gpu_gigabytes,
            one.samples,
        )
        for one in TEXT_TO_IMAGE
    ),
    ModelFamily(OTHER.name, OTHER.title, "text", samples=OTHER.samples),
)
FAMILY = {family.name: family for family in FAMILIES}

NETWORK_FILES = frozenset(family.name for family in TEXT_TO_IMAGE if "transformer" in family.components)
"""Families of whose models a file may hold the denoising network alone."""


def local_model(source: str) -> Path | None:
    """Folder or file of a model source (see `spec.ModelSpec.source`) on this computer, or None."""
    if source == "builtin":
        return BUILTIN
    path = expanded(source)
    return path if is_there(path) else cached_snapshot(source)


def family_of(path: Path) -> ModelFamily | None:
    """Recognise a model by its folder's index or its file's header; None if its family is unknown."""
    if is_file(path):
        if holds_network_alone(path):
            return family_of(path.with_suffix(""))
        return FAMILY.get(_family_of_file(path))
    if is_file(path / REFERENCE_VIEWS):
        return FAMILY["reference_views"]
    index = json_object(path / INDEX)
    pipeline = index.get("_class_name")
    for family in FAMILIES:
        if pipeline in family.pipelines:
            return FAMILY["ddpm_classes"] if family.name == "ddpm" and _has_classes(path) else family
    return FAMILY[OTHER.name] if may_be_text_to_image(index) else None


def holds_network_alone(file: Path) -> bool:
    """Whether of a file the denoising network alone is taken: the rest of its model is in the folder of its name.

    Files of Stable Diffusion 1, 2 and XL hold a whole model.
    """
    beside = file.with_suffix("")
    family = family_of(beside) if is_file(beside / INDEX) and not _family_of_file(file) else None
    return family is not None and family.name in NETWORK_FILES


def needs_prompt(source: str) -> bool:
    """Whether a job with this model has to say what to make; so it has if the model is of no known family."""
    family = known_family(source)
    return family is None or family.needs_prompt


def takes_picture(source: str) -> bool:
    """Whether a model turns a picture into an object; False of one that is not on this computer."""
    family = known_family(source)
    return family is not None and family.takes_picture


def takes_adapters(source: str) -> bool:
    """Whether LoRAs and embeddings can be put on a model; True of one that is not known, or not on this computer."""
    family = known_family(source)
    return family is None or family.takes_adapters


def views_together(source: str) -> int:
    """How many views, evenly around the object, a model's networks see at once: 1 of most, and of unknown ones."""
    family = known_family(source)
    return 1 if family is None else family.together


def own_profile(model: Path | None) -> Path | None:
    """Find the profile beside a model's weights: in its folder, or for a single file in the folder of its name.

    Parameters
    ----------
    model : Path or None
        Folder or file, see `local_model`.
    """
    if model is None:
        return None
    path = (model.with_suffix("") if is_file(model) else model) / PROFILE
    return path if is_file(path) else None


def kept_while_unchanged(answer: Callable[P, T]) -> Callable[P, T]:
    """Keep what a function answers, the last argument of which is a model's source, until that model changes.

    Buttons ask whenever they are drawn, and a checkpoint's header alone takes 20 ms to read. A model changes with its
    folder or file, and with its own profile.
    """

    @functools.lru_cache(maxsize=64)
    def kept(_changed: tuple[int, ...], *arguments: P.args, **named: P.kwargs) -> T:
        return answer(*arguments, **named)

    @functools.wraps(answer)
    def asked(*arguments: P.args, **named: P.kwargs) -> T:
        model = local_model(str(arguments[-1]))
        changed = []
        for path in filter(None, (model, own_profile(model))):
            with contextlib.suppress(OSError):
                changed.append(path.stat().st_mtime_ns)
        return kept(tuple(changed), *arguments, **named)  # type: ignore[arg-type]  # texts

    return asked


@kept_while_unchanged
def known_family(source: str) -> ModelFamily | None:
    """The family of a model source, None if it is of none or not on this computer."""
    model = local_model(source)
    return family_of(model) if model is not None else None


def json_object(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if it cannot be read or is not an object."""
    try:
        data = read_json(file, LARGEST_CONFIGURATION, as_libraries=True)
    except (UnusableFile, BadJson):
        return {}
    return data if isinstance(data, dict) else {}


def component_config(path: Path, component: str, name: str = "config.json") -> dict[str, Any]:
    """Configuration of a pipeline's component; in old folders of one network it lies at the top."""
    return json_object(path / component / name) or json_object(path / name)


def _has_classes(path: Path) -> bool:
    return bool(component_config(path, "unet").get("num_class_embeds"))


def _family_of_file(file: Path) -> str:
    """Tell SDXL from Stable Diffusion 1.x and 2.x by where the text encoders are in a checkpoint."""
    # The text of the header, not its contents: this is asked in Blender's main thread.
    header = _header_bytes(file)
    if b'"conditioner.embedders.1.' in header:
        return "stable_diffusion_xl"
    return "stable_diffusion" if b'"cond_stage_model.' in header else ""


def tensor_names(file: Path) -> frozenset[str]:
    """Names of the tensors in a .safetensors file, from its header alone; none if it has no such header."""
    return frozenset(tensor_headers(file))


def tensor_headers(file: Path) -> dict[str, dict[str, Any]]:
    """What a .safetensors file says of each of its tensors, ``dtype`` and ``shape``; empty if it has no such header."""
    header = safetensors_header(file).items()
    return {name: told for name, told in header if name != "__metadata__" and isinstance(told, dict)}


def safetensors_header(file: Path) -> dict[str, Any]:
    """Header of a .safetensors file; empty if it has none, or one larger than `LARGEST_HEADER`."""
    try:
        header = from_bytes(_header_bytes(file), as_libraries=True)
    except BadJson:
        return {}
    return header if isinstance(header, dict) else {}


def _header_bytes(file: Path) -> bytes:
    """The header as it is written. The format: https://github.com/huggingface/safetensors#format."""
    try:
        with open_outside(file) as stream:
            length = int.from_bytes(stream.read(8), "little")
            return stream.read(length) if length <= LARGEST_HEADER else b""
    except (OSError, UnusableFile):
        return b""
