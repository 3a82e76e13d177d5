"""From a viewpoint to what the model is asked to show there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from ...protocol.model_profile import ModelProfile
from ...protocol.spec import CameraRig, JobSpec
from ...protocol.views import ViewVocabulary, view_text
from ..viewpoints import Viewpoint
from .reference_views import ReferenceViewModel
from .score_model import Condition, ScoreModel


class Conditioner(Protocol):
    """Gives each viewpoint its condition."""

    def at(self, viewpoint: Viewpoint) -> Condition:
        """Condition for a render from `viewpoint`."""
        ...


class PromptConditioner:
    """View-dependent prompts (section 5 of the paper), each distinct text encoded once.

    Parameters
    ----------
    model : ScoreModel
    views : ViewVocabulary
        The model's words for directions.
    prompt : str
        What the object is, without view words.
    negative_prompt : str
        What guidance leads away from; the empty text for plain classifier-free guidance.
    guidance_scale : float
    camera_texts : sequence of str
        The cameras' own texts (`spec.Camera.view_text`); a camera with one is told that instead of view words.
    """

    def __init__(
        self,
        model: ScoreModel,
        views: ViewVocabulary,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 1.0,
        camera_texts: Sequence[str] = (),
    ) -> None:
        self.views = views
        self.prompt = prompt
        self.guidance_scale = guidance_scale
        texts = list(dict.fromkeys([*views.all_prompts(prompt), *self._said(camera_texts), negative_prompt]))
        embeddings = model.encode(texts)
        self._embeddings = {text: embeddings[i : i + 1] for i, text in enumerate(texts)}
        self._negative = self._embeddings[negative_prompt]

    def at(self, viewpoint: Viewpoint) -> Condition:
        """Take the camera's own text, or blend the embeddings of the view words around its direction."""
        (own,) = self._said([viewpoint.camera.view_text])
        if own:
            return Condition(self._embeddings[own], self._negative, self.guidance_scale)
        weighted = self.views.prompts(self.prompt, viewpoint.azimuth, viewpoint.elevation)
        positive = torch.stack([weight * self._embeddings[text] for text, weight in weighted]).sum(dim=0)
        return Condition(positive, self._negative, self.guidance_scale)

    def _said(self, camera_texts: Sequence[str]) -> list[str]:
        return [view_text(text, self.prompt) for text in camera_texts]


class FixedConditioner:
    """The same condition for every viewpoint: none at all, or that of a class.

    Parameters
    ----------
    condition : Condition
    """

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def at(self, viewpoint: Viewpoint) -> Condition:
        """Give the condition."""
        return self._condition


class ReferenceConditioner:
    """Reference images of each viewpoint, for `sjc_blender.engine.score_models.closed_form.ClosedFormDenoiser`.

    Parameters
    ----------
    images_at : callable
        Viewpoint to images [K, C, H, W], such as renders of a known shape by the same camera.
    """

    def __init__(self, images_at: Callable[[Viewpoint], torch.Tensor]) -> None:
        self._images_at = images_at

    def at(self, viewpoint: Viewpoint) -> Condition:
        """Take the images of this viewpoint as the condition."""
        return Condition(positive=self._images_at(viewpoint)[None])


def conditioner_for(spec: JobSpec, profile: ModelProfile, model: ScoreModel) -> Conditioner:
    """What the job's prompt is to its model: view-dependent texts, a class, or nothing.

    Raises
    ------
    SjcError
        ``unknown_class``, ``no_null_class``.
    """
    scale = spec.optimisation.guidance_scale
    if isinstance(model, ReferenceViewModel):
        return ReferenceConditioner(model.picture_of)
    if profile.conditioning == "none":
        return FixedConditioner(Condition())
    if profile.conditioning == "class":
        negative = model.encode([spec.negative_prompt]) if scale != 1.0 else None
        return FixedConditioner(Condition(model.encode([spec.prompt]), negative, scale))
    texts = [camera.view_text for camera in spec.cameras.cameras] if isinstance(spec.cameras, CameraRig) else []
    return PromptConditioner(model, profile.views, spec.prompt, spec.negative_prompt, scale, texts)
