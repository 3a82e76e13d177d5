"""From the model a job names to a score model that is ready to run, or one clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...protocol.errors import SjcError
from ...protocol.spec import ModelSpec
from .model_source import locate_model
from .pipeline_folder import examine_folder
from .score_model import ScoreModel
from .single_file import configuration_of
from .stable_diffusion import StableDiffusion

# The pipeline classes of diffusers that there is an adapter for.
FAMILIES = {"StableDiffusionPipeline": StableDiffusion}
SINGLE_FILE_FAMILY = "StableDiffusionPipeline"


def load_score_model(model: ModelSpec) -> ScoreModel:
    """Load a model from this computer, onto its device.

    Raises
    ------
    SjcError
        ``device_unavailable``, ``unknown_model``, ``unsupported_file``, ``not_a_pipeline``,
        ``unsupported_pipeline``, ``missing_component``, ``missing_configuration``, ``pickled_weights``,
        ``broken_model``, ``out_of_memory``, ``unsupported_noise_schedule``.
    """
    device = _device(model.device)
    dtype = _dtype(model.dtype, device)
    path = locate_model(model.source)
    with _memory_explained(model.source, device):
        if path.is_file():
            family = SINGLE_FILE_FAMILY
            pipeline = _load_file(family, path, dtype)
        else:
            family, pipeline = _load_folder(path, dtype)
        _check_complete(path, pipeline)
        return FAMILIES[family](pipeline, device)


def _device(wanted: str) -> torch.device:
    available: dict[str, Callable[[], bool]] = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not available[wanted]():
        others = ", ".join(name for name, there in available.items() if there())
        raise SjcError(
            "device_unavailable",
            f"The job asks for the device {wanted!r}, which PyTorch {torch.__version__} does not find here; "
            f"available: {others}.",
            "Choose one of these or auto; or mend the graphics driver or install the PyTorch that fits it.",
        )
    return torch.device(wanted)


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    if wanted == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[wanted]


def _load_folder(path: Path, dtype: torch.dtype) -> tuple[str, Any]:
    needs = {name: family.components for name, family in FAMILIES.items()}
    weighted = {component for family in FAMILIES.values() for component in family.networks}
    folder = examine_folder(path, needs, weighted)
    with _library_explained(path):
        return folder.pipeline, _pipeline_class(folder.pipeline).from_pretrained(
            path,
            dtype=dtype,
            variant=folder.variant,
            use_safetensors=True,
            local_files_only=True,
            **FAMILIES[folder.pipeline].left_out,
        )


def _load_file(family: str, path: Path, dtype: torch.dtype) -> Any:
    configuration = configuration_of(path)
    with _library_explained(path):
        return _pipeline_class(family).from_single_file(
            str(path),
            config=str(configuration),
            dtype=dtype,
            local_files_only=True,
            **FAMILIES[family].left_out,
        )


def _pipeline_class(name: str) -> Any:
    """Import a pipeline class of diffusers, late: that takes seconds, and tests of other parts need none."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    return getattr(diffusers, name)


def _check_complete(path: Path, pipeline: Any) -> None:
    """Refuse weights that lack tensors; diffusers leaves those without storage and only logs it."""
    for component, network in pipeline.components.items():
        if not isinstance(network, torch.nn.Module):
            continue
        missing = [name for name, tensor in network.named_parameters() if tensor.is_meta]
        if missing:
            raise SjcError(
                "broken_model",
                f"The weights of {component!r} in {path} are incomplete: {len(missing)} tensors are missing, "
                f"{missing[0]} for one.",
                "Download the model again, or convert it again.",
            )


@contextmanager
def _library_explained(path: Path) -> Iterator[None]:
    """Tell whatever diffusers, transformers and safetensors raise about a model as one error."""
    try:
        yield
    except Exception as error:
        if _is_out_of_memory(error):
            raise
        reason = (str(error).strip().splitlines() or [""])[0]
        raise SjcError(
            "broken_model",
            f"The model {path} cannot be loaded ({type(error).__name__}: {reason}).",
            "Download it again; if that does not help, log.txt has the details.",
        ) from error


@contextmanager
def _memory_explained(source: str, device: torch.device) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        raise SjcError(
            "out_of_memory",
            f"The model {source!r} does not fit into the memory of {device.type!r}.",
            "Close other programs, choose a smaller model, or set the model's dtype to float16.",
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error)
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "can't allocate memory" in text
        or "not enough memory" in text
    )
