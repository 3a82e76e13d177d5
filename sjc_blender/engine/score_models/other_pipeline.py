# SPDX-License-Identifier: GPL-3.0-or-later
"""Text-to-image pipelines outside the table of families: what their folder and class tell, and a trial at load.

The trial lets the pipeline sample with its own scheduler, and holds what it would give as clean samples against our
denoiser. One that differs is refused with by how much.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...protocol.errors import SjcError, first_line
from ...protocol.hub_cache import INDEX
from ...protocol.model_families import json_object
from ...protocol.text_to_image import KNOWN_CLASSES, LEFT_OUT, OTHER, components_in
from .any_pipeline import AnyPipeline, adapter_for
from .load_errors import is_out_of_memory
from .pipeline_call import GUIDED, PREPARERS
from .pipeline_folder import unsupported_class
from .preconditioning import preconditioning
from .sample_layout import layout_of
from .score_model import Condition

STEPS = 4
MOST_DIFFERENCE = {torch.float32: 1e-3}
MOST_IN_HALF = 0.05
"""Of the largest number of a clean sample."""

GUIDED_AS = (GUIDED, GUIDED + 1.0)
"""The engine's scale for a pipeline's own: the same, or one more where it counts from 0."""


def adapter_for_folder(path: Path) -> type[AnyPipeline]:
    """The adapter of a pipeline's folder.

    Raises
    ------
    SjcError
        ``unsupported_pipeline`` if its class does not take a text alone, or a component is of no known class.
    """
    import diffusers

    index = json_object(path / INDEX)
    name = str(index.get("_class_name"))
    cls = getattr(diffusers, name, None)
    if not (inspect.isclass(cls) and issubclass(cls, diffusers.DiffusionPipeline)):
        raise unsupported_class(path, f"diffusers {diffusers.__version__} has no such pipeline")
    why = _not_text_to_image(cls)
    if why:
        raise unsupported_class(path, why)
    parts = {part: named for part, named in components_in(index).items() if part not in LEFT_OUT}
    strange = next((part for part, named in parts.items() if named not in KNOWN_CLASSES), None)
    if strange is not None:
        raise unsupported_class(path, f"its component {strange!r} is a {parts[strange][:80]}, which is not known here")
    network = "transformer" if "transformer" in parts else "unet"
    components = {part: (parts[part],) for part in sorted(parts, key=lambda part: part != network)}
    scale = inspect.signature(cls.__call__).parameters["guidance_scale"].default
    scale = float(scale) if isinstance(scale, (int, float)) else OTHER.guidance_scale
    family = dataclasses.replace(OTHER, title=name, pipeline=name, components=components, guidance_scale=scale)
    adapter = adapter_for(family)
    known = inspect.signature(cls.__init__).parameters
    adapter.left_out = {part: None for part in LEFT_OUT if part in known}
    return adapter


def _not_text_to_image(cls: Any) -> str:
    """Why a pipeline's class cannot be used; empty if it may be."""
    parameters = dict(list(inspect.signature(cls.__call__).parameters.items())[1:])
    lacking = [name for name in ("prompt", "output_type", "guidance_scale") if name not in parameters]
    lacking += [name for name in ("encode_prompt",) if not hasattr(cls, name)]
    if not any(hasattr(cls, name) for name in PREPARERS):
        lacking.append(PREPARERS[0])
    if lacking:
        return f"its call has no {' and no '.join(lacking)}"
    empty = inspect.Parameter.empty
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    needed = [name for name, one in parameters.items() if one.default is empty and one.kind not in variable]
    more = [name for name in needed if name != "prompt"]
    return f"its call needs {' and '.join(more)} beside the prompt" if more else ""


@contextmanager
def trial_explained(path: Path) -> Iterator[None]:
    """Tell whatever a pipeline's call raises in a trial as SjcError ``unsupported_pipeline``."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SjcError) or is_out_of_memory(error):
            raise
        why = f"its call fails in a trial ({type(error).__name__}: {first_line(error)})"
        raise unsupported_class(path, why) from error


@dataclass(frozen=True)
class OwnStep:
    """A step of a pipeline's own sampler: its noise level, the sample in the engine's convention, the clean one."""

    sigma: float
    z: torch.Tensor
    clean: torch.Tensor


def require_agreement(path: Path, model: AnyPipeline) -> None:
    """Hold the denoiser against the pipeline's own sampler, without guidance and with it.

    Raises
    ------
    SjcError
        ``unsupported_pipeline`` with the measured difference.
    """
    text, nothing = model.encode(["a red chair", ""]).split(1)
    allowed = MOST_DIFFERENCE.get(model.dtype, MOST_IN_HALF)
    for guided in (False, True):
        steps = list(own_steps(model, guided=guided))
        if not steps:
            raise unsupported_class(
                path, f"its {type(model.call.scheduler.own).__name__} does not tell its clean samples"
            )
        scales = GUIDED_AS if guided else (1.0,)
        found = min(_difference(model, steps, Condition(text, nothing, scale)) for scale in scales)
        if not found <= allowed:
            raise unsupported_class(
                path,
                f"its clean samples {'under guidance ' if guided else ''}differ by {found:.2g} of their size from "
                f"what the engine makes of its network (allowed: {allowed:g})",
            )


def own_steps(model: AnyPipeline, *, guided: bool) -> Iterator[OwnStep]:
    """Let the pipeline sample by itself, and tell of its steps at finite noise levels."""
    records: list[tuple[float, torch.Tensor, torch.Tensor]] = []
    own = model.call.scheduler.own
    step = own.step

    @functools.wraps(step)
    def watched(output: torch.Tensor, timestep: Any, sample: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        stepped = step(output, timestep, sample, *arguments, **{**options, "return_dict": True})
        index = len(records)
        records.append(_told(own, index, float(timestep), sample, stepped))
        return stepped if options.get("return_dict", True) else (stepped.prev_sample,)

    own.step = watched
    try:
        model.call.sample_by_itself("a red chair", STEPS, guided=guided)
    finally:
        own.step = step
    empty = torch.zeros(1, model.channels, model.sample_size, model.sample_size)
    for sigma, sample, clean in records:
        layout = layout_of(sample, empty.to(sample))
        if layout is None or not math.isfinite(sigma) or sigma > float(model.sigmas[-1]):
            continue
        c_in = preconditioning(model.prediction_type, sigma, model.sigma_data).c_in
        yield OwnStep(sigma, layout.taken(sample).float() / c_in, layout.taken(clean).float())


def _told(
    own: Any, index: int, timestep: float, sample: torch.Tensor, stepped: Any
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """The noise level of a step in the engine's convention, its sample, and the clean sample by its scheduler."""
    sigmas = getattr(own, "sigmas", None)
    clean = getattr(stepped, "pred_original_sample", None)
    if sigmas is None or "FlowMatch" not in type(own).__name__:
        if clean is None or not hasattr(own, "alphas_cumprod"):
            return math.inf, sample, sample
        kept = float(own.alphas_cumprod[round(timestep)])
        if kept <= 0.0:  # a schedule that ends without signal
            return math.inf, sample, clean
        return math.sqrt((1 - kept) / kept), sample, clean
    now, after = float(sigmas[index]), float(sigmas[index + 1])
    # Euler's step is along the line to the clean sample.
    clean = sample.float() - now * (stepped.prev_sample.float() - sample.float()) / (after - now)
    return (now / (1 - now) if now < 1 else math.inf), sample, clean


def _difference(model: AnyPipeline, steps: list[OwnStep], condition: Condition) -> float:
    """The largest difference, as a share of the largest number."""
    table, worst = model.sigmas, 0.0
    try:
        model.sigmas = torch.tensor([step.sigma for step in steps], dtype=torch.float64)
        for index, step in enumerate(steps):
            found = model.denoise(step.z, index, condition)
            worst = max(worst, float((found - step.clean).abs().max() / step.clean.abs().max().clamp(min=1.0)))
    finally:
        model.sigmas = table
    return worst
