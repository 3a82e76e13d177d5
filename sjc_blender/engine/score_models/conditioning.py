# SPDX-License-Identifier: GPL-3.0-or-later
"""From a viewpoint to what the model is asked to show there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ...protocol.errors import SjcError
from ...protocol.profile_content import ModelProfile
from ...protocol.spec import CameraRig, JobSpec
from ...protocol.views import ViewVocabulary, view_text
from ..cameras.viewpoints import Viewpoint
from .perp_neg import other_views
from .reference_views import ReferenceViewModel
from .score_model import Condition, ScoreModel, ToldItsCameras


@dataclass(frozen=True)
class Conditioner:
    """What a model is told at each viewpoint.

    Attributes
    ----------
    at : callable
        Viewpoint to the condition of a render from there.
    """

    at: Callable[[Viewpoint], Condition]


class PromptConditioner:
    """View-dependent prompts (section 5 of the paper), each distinct text encoded once.

    Parameters
    ----------
    views : ViewVocabulary
        The model's words for directions.
    prompt : str
        What the object is, without view words.
    negative_prompt : str
        What guidance leads away from; the empty text for plain classifier-free guidance.
    camera_texts : sequence of str
        The cameras' own texts (`spec.Camera.view_text`); a camera with one is told that instead of view words.
    classifier_only, rescale
        As in `Condition`.
    perp_neg_weight : float
        Strength of Perp-Neg (`sjc_blender.engine.score_models.perp_neg`); 0: none. Cameras with texts of their own,
        which say nothing of other views, go without.
    """

    def __init__(
        self,
        model: ScoreModel,
        views: ViewVocabulary,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 1.0,
        camera_texts: Sequence[str] = (),
        *,
        classifier_only: bool = False,
        rescale: float = 0.0,
        perp_neg_weight: float = 0.0,
    ) -> None:
        self.views = views
        self.prompt = prompt
        self.perp_neg_weight = perp_neg_weight
        texts = list(dict.fromkeys([*views.all_prompts(prompt), *self._said(camera_texts), negative_prompt]))
        embeddings = model.encode(texts)
        self._embeddings = {text: embeddings[i : i + 1] for i, text in enumerate(texts)}
        negative = self._embeddings[negative_prompt]
        self._unseen = Condition(negative, negative, guidance_scale, classifier_only, rescale)

    def at(self, viewpoint: Viewpoint) -> Condition:
        """Take the camera's own text, or blend the embeddings of the view words around its direction."""
        (own,) = self._said([viewpoint.camera.view_text])
        if own:
            return replace(self._unseen, positive=self._embeddings[own])
        weighted = self.views.prompts(self.prompt, viewpoint.azimuth, viewpoint.elevation)
        positive = torch.stack([weight * self._embeddings[text] for text, weight in weighted]).sum(dim=0)
        condition = replace(self._unseen, positive=positive)
        return self._away_from_other_views(condition, viewpoint) if self.perp_neg_weight > 0 else condition

    def _away_from_other_views(self, condition: Condition, viewpoint: Viewpoint) -> Condition:
        others = other_views(self.views, viewpoint.azimuth, viewpoint.elevation)
        if not others:
            return condition
        embeddings = [self._embeddings[view_text(view.text, self.prompt)] for view, _weight in others]
        weights = torch.tensor([[self.perp_neg_weight * weight for _view, weight in others]])
        return replace(
            condition, other_views=torch.stack(embeddings, dim=1), other_view_weights=weights.to(embeddings[0])
        )

    def _said(self, camera_texts: Sequence[str]) -> list[str]:
        return [view_text(text, self.prompt) for text in camera_texts]


def conditioner_for(spec: JobSpec, profile: ModelProfile, model: ScoreModel) -> Conditioner:
    """What the job's prompt is to its model: view-dependent texts, a class, or nothing.

    Raises
    ------
    SjcError
        ``unknown_class``, ``no_null_class``, ``guidance_needs_prompt``.
    """
    o = spec.optimisation
    scale, classifier_only = o.guidance_scale, o.guidance == "classifier_score"
    takes = "none" if isinstance(model, ReferenceViewModel) else profile.conditioning
    _check_guidance(spec, takes)
    if isinstance(model, ReferenceViewModel):
        return Conditioner(lambda viewpoint: Condition(positive=model.picture_of(viewpoint)[None]))
    if takes == "text":
        words = PromptConditioner(
            model,
            profile.views if o.view_blending == "model" else replace(profile.views, interpolation=o.view_blending),
            spec.prompt,
            spec.negative_prompt,
            scale,
            [camera.view_text for camera in spec.cameras.cameras] if isinstance(spec.cameras, CameraRig) else [],
            classifier_only=classifier_only,
            rescale=o.guidance_rescale,
            perp_neg_weight=o.perp_neg_weight,
        )
        told = Conditioner(words.at)
    else:
        same = Condition()
        if takes != "none":
            guided = scale != 1.0 or classifier_only or takes == "picture"
            positive, negative = ("", "") if takes == "picture" else (spec.prompt, spec.negative_prompt)
            away = model.encode([negative]) if guided else None
            same = Condition(model.encode([positive]), away, scale, classifier_only, o.guidance_rescale)
        told = Conditioner(lambda _viewpoint: same)
    if not isinstance(model, ToldItsCameras):
        return told
    return Conditioner(lambda viewpoint: model.seen_from(told.at(viewpoint), viewpoint.camera))


def _check_guidance(spec: JobSpec, takes: str) -> None:
    """Refuse guidance that has nothing to go by: a result without it would look as if it did nothing."""
    o = spec.optimisation
    for needed, setting, off in (
        (o.guidance == "classifier_score" and takes == "none", "guidance=classifier_score", "guidance=classifier_free"),
        (o.perp_neg_weight > 0 and takes != "text", "perp_neg_weight", "perp_neg_weight=0"),
    ):
        if needed:
            words = "view words" if takes == "class" else "a prompt"
            raise SjcError(
                "guidance_needs_prompt",
                f"optimisation.{setting} needs {words}, and the model {spec.model.source} takes none.",
                f"Set optimisation.{off}, or choose a model that reads prompts.",
            )
