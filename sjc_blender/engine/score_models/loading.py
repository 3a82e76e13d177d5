# SPDX-License-Identifier: GPL-3.0-or-later
"""From the model a job names to a score model that is ready to run, or one clear error."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from ...protocol.distillation import distillation_of
from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX
from ...protocol.memory import MemoryLevel
from ...protocol.model_families import ModelFamily, family_of, holds_network_alone, json_object
from ...protocol.model_profile import load_profile
from ...protocol.outside_file import is_file
from ...protocol.spec import ModelSpec
from ...protocol.text_to_image import BY_NAME, OTHER, TEXT_TO_IMAGE
from ..this_process.offline import stay_offline
from .any_pipeline import AnyPipeline, adapter_for
from .behaviour import levels_of
from .control import takes_none, with_control
from .ddpm import ClassConditionalDdpm, Ddpm
from .dit import DiT
from .fine_tuning import apply_adapters
from .ip_adapter import takes_no_picture, with_ip_adapter
from .load_errors import is_out_of_memory, library_explained, memory_explained
from .model_source import locate_model
from .mvdream import MVDream
from .network_file import NETWORK, load_network
from .other_pipeline import adapter_for_folder, require_agreement, trial_explained
from .pipeline_folder import PipelineFolder, examine_folder, unknown_folder
from .pipeline_model import PipelineModel
from .placement import choose_device, choose_dtype, first_level, levels_after
from .prediction_check import mislabelled, told_as, try_out
from .reference_views import ReferenceViewModel
from .remarks import remarks_on
from .score_model import ScoreModel
from .score_sde_ve import ScoreSdeVe
from .single_file import configuration_of, retell, tell_prediction, tells_nothing_for_sure
from .stable_diffusion import StableDiffusion
from .stable_diffusion_xl import StableDiffusionXL
from .vocabularies import check_vocabularies
from .zero123 import Zero123

ADAPTERS: dict[str, type[PipelineModel]] = {
    "stable_diffusion": StableDiffusion,
    "stable_diffusion_xl": StableDiffusionXL,
    "mvdream": MVDream,
    "zero123": Zero123,
    "dit": DiT,
    "ddpm": Ddpm,
    "ddpm_classes": ClassConditionalDdpm,
    "score_sde_ve": ScoreSdeVe,
    **{family.name: adapter_for(family) for family in (*TEXT_TO_IMAGE, OTHER)},
}
"""By the family's name in `sjc_blender.protocol.model_families`."""


def load_score_model(model: ModelSpec, level: MemoryLevel | None = None) -> ScoreModel:
    """Load a model from this computer, onto its device.

    Parameters
    ----------
    level : MemoryLevel, optional
        At which to run it, or at the next thriftier one for which there is memory; None: the quickest.

    Raises
    ------
    SjcError
        ``device_unavailable``, ``unknown_model``, ``unsupported_file``, ``not_a_pipeline``,
        ``unsupported_pipeline``, ``missing_component``, ``missing_configuration``, ``pickled_weights``,
        ``unsafe_model``, ``broken_model``, ``mislabelled_model``, ``out_of_memory``,
        ``unsupported_noise_schedule``, ``bad_reference_views``,
        ``unknown_adapter``, ``unsupported_adapter``, ``adapter_mismatch``,
        ``unknown_control``, ``unsupported_control``, ``control_mismatch``,
        ``unknown_ip_adapter``, ``unsupported_ip_adapter``, ``ip_adapter_mismatch``.
    """
    stay_offline()
    device = choose_device(model.device)
    path = locate_model(model.source)
    with memory_explained(model.source, device):
        family = family_at(path)
        if family.name == "reference_views":
            if model.control:
                raise takes_none("Reference views")
            if model.ip_adapter:
                raise takes_no_picture("Reference views")
            return ReferenceViewModel(path, device)
        adapter = adapter_of(path, family)
        dtype = choose_dtype(model.dtype, device, adapter.half_precision, wide=adapter.wide_half)
        pipeline = (_load_file if is_file(path) else _load_folder)(path, family, adapter, dtype)
        _check_complete(path, pipeline)
        vocabulary = check_vocabularies(path, pipeline)
        apply_adapters(pipeline, model.adapters)
        ip_adapter = with_ip_adapter(pipeline, model.ip_adapter) if model.ip_adapter else None
        if model.control:
            pipeline = with_control(pipeline, model.control, dtype)
            _check_complete(Path(model.control), pipeline)
        adapter.prepare(pipeline)
        score_model = adapter(pipeline, device)
        score_model.ip_adapter = ip_adapter
        _place(score_model, level or first_level(model))
        outside = family.name == OTHER.name and isinstance(score_model, AnyPipeline)
        with trial_explained(path) if outside else nullcontext():
            tried = _any_embedding(score_model)
            if isinstance(score_model, AnyPipeline) and outside:
                require_agreement(path, score_model)
        trial = try_out(score_model, pipeline, tried)
        if trial.prediction not in (None, score_model.prediction_type):
            if not (is_file(path) and tells_nothing_for_sure(path)):
                raise mislabelled(path, score_model.prediction_type, trial.prediction)
            # The configuration is another model's, or the file contradicts its own: what was found holds.
            retell(path, pipeline, told_as(trial.prediction))
            score_model = adapter(pipeline, device)
            score_model.ip_adapter = ip_adapter
            _place(score_model, level or first_level(model))
        distillation = distillation_of(
            load_profile(model.source).distilled, model.source, path, [one.path for one in model.adapters]
        )
        if distillation is not None:
            score_model.levels = levels_of(distillation, score_model, pipeline.scheduler.config)
        remarks = remarks_on(score_model, pipeline.scheduler.config, trial, distillation)
        score_model.remarks = (*vocabulary, *remarks)
        return score_model


def adapter_of(path: Path, family: ModelFamily) -> type[PipelineModel]:
    """The adapter of a model's family; of a pipeline outside the table, one made by its folder.

    Raises
    ------
    SjcError
        ``unsupported_pipeline``.
    """
    return adapter_for_folder(path) if family.name == OTHER.name else ADAPTERS[family.name]


def _any_embedding(model: PipelineModel) -> torch.Tensor | None:
    if not model.conditional:
        return None
    try:
        return model.encode([""])
    except SjcError:
        return model.encode(["0"])  # classes, and none of them for none


def _place(model: PipelineModel, level: MemoryLevel) -> None:
    levels = [level, *levels_after(level, model.device)]
    for level in levels:
        try:
            model.place(level)
            return
        except Exception as error:
            if level is levels[-1] or not is_out_of_memory(error):
                raise


def family_at(path: Path) -> ModelFamily:
    """Recognise a model that `locate_model` found; SjcError as `load_score_model`."""
    if is_file(path):
        configuration_of(path)
    family = family_of(path)
    if family is None:
        raise unknown_folder(path)
    return family


def _load_folder(path: Path, family: ModelFamily, adapter: type[PipelineModel], dtype: torch.dtype) -> Any:
    folder = examine_folder(path, adapter.networks, adapter.parts, adapter.optional, adapter.allowed)
    with library_explained(path):
        quiet_libraries()
        assembled = adapter.assemble(folder, dtype)
        if assembled is not None:
            return assembled
        return _from_folder(folder, _class_for(family, folder.pipeline), adapter, dtype, {})


def _from_folder(
    folder: PipelineFolder, kind: Any, adapter: type[PipelineModel], dtype: torch.dtype, given: dict[str, Any]
) -> Any:
    """Load a pipeline, but for the components that are `given`."""
    return kind.from_pretrained(
        folder.path,
        dtype=dtype,
        variant=folder.variant,
        use_safetensors=True,
        local_files_only=True,
        **{
            **_not_asked_for(folder.path, kind, (*adapter.networks, *adapter.parts)),
            **adapter.left_out,
            **dict.fromkeys(folder.absent),
            **given,
        },
    )


def _not_asked_for(path: Path, kind: Any, components: Collection[str]) -> dict[str, None]:
    """Arguments that keep diffusers from loading components that the index names and nobody has judged."""
    known = inspect.signature(kind.__init__).parameters
    index = json_object(path / INDEX)
    return {
        name: None
        for name, entry in index.items()
        if name in known and name not in components and isinstance(entry, list) and len(entry) == 2
        if all(part is None or isinstance(part, str) for part in entry)
    }


def _load_network_file(path: Path, family: ModelFamily, adapter: type[PipelineModel], dtype: torch.dtype) -> Any:
    """A pipeline whose denoising network is in a file, and everything else in the folder beside it."""
    rest = configuration_of(path)
    others = [name for name in adapter.networks if name != NETWORK]
    folder = examine_folder(rest, others, adapter.parts, adapter.optional, adapter.allowed)
    examine_folder(rest, (NETWORK,), (), (), adapter.allowed, weights=False)
    _, named = json_object(rest / INDEX)[NETWORK]
    with library_explained(path):
        kind = _class_for(family, folder.pipeline)
        return _from_folder(folder, kind, adapter, dtype, {NETWORK: load_network(path, rest, named, dtype)})


def _load_file(path: Path, family: ModelFamily, adapter: type[PipelineModel], dtype: torch.dtype) -> Any:
    if holds_network_alone(path):
        return _load_network_file(path, family, adapter, dtype)
    configuration = configuration_of(path)
    examine_folder(configuration, adapter.networks, adapter.parts, adapter.optional, adapter.allowed, weights=False)
    with library_explained(path):
        pipeline = _pipeline_class(family.pipelines[0]).from_single_file(
            str(path),
            config=str(configuration),
            dtype=dtype,
            local_files_only=True,
            **adapter.left_out,
        )
        tell_prediction(path, pipeline)
        return pipeline


def _class_for(family: ModelFamily, named: str) -> Any:
    """The class that a folder names; of a name that diffusers no longer has, what it is called now."""
    listed = BY_NAME.get(family.name)
    return _pipeline_class(listed.pipeline if listed is not None and named in listed.once else named)


def _pipeline_class(name: str) -> Any:
    """Import a pipeline class of diffusers, late: that takes seconds, and tests of other parts need none."""
    import diffusers

    quiet_libraries()
    return getattr(diffusers, name)


def quiet_libraries() -> None:
    """Keep the libraries that load models from printing their bars and their doubts."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


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
