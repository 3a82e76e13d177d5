# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a scene's next job: ``scene.sjc``."""

import dataclasses

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from ....protocol.presets import preset_names, size_of
from ... import user_preferences
from ...jobs.job_request import JobRequest
from ...process.farm_process import Farm
from ...rigs.rig_choice import RigChoice
from .edit_properties import EditSettings
from .model_properties import ModelChoice
from .picture_properties import PictureSettings
from .prompt_search import suggestions
from .rig_properties import RigSettings

PURPOSES = {
    "draft": "A first look",
    "standard": "The usual choice",
    "high": "Finer detail; takes several times as long as Standard",
    "paper": "The published configuration",
}

NUMBERS = {"draft": 0, "standard": 1, "high": 2, "paper": 3}
"""Numbers of the presets, which are stored in files."""

_preset_items: dict[str, list[tuple[str, str, str, int]]] = {}
"""Items by the model's source; they must stay alive, as Blender does not copy the texts."""


def _presets_of(settings: "SJC_PG_settings", _context: bpy.types.Context) -> list[tuple[str, str, str, int]]:
    """Return the presets with their sizes for the chosen model."""
    source = bpy.path.abspath(settings.model)
    items = []
    for name in preset_names():
        size = size_of(name, source)
        amount = f": {size[0]} steps, {size[1]} voxels along the longest side, with this model" if size else ""
        items.append((name, name.capitalize(), f"{PURPOSES[name]}{amount}", NUMBERS[name]))
    if _preset_items.get(source) != items:
        _preset_items[source] = items
    return _preset_items[source]


class SJC_PG_settings(ModelChoice, RigSettings, PictureSettings, EditSettings, bpy.types.PropertyGroup):
    """Settings of the next job."""

    prompt: StringProperty(
        name="Prompt",
        description='What to make, such as "a red chair"',
        options={"TEXTEDIT_UPDATE"},
        search=suggestions,
        search_options={"SUGGESTION"},
    )
    negative_prompt: StringProperty(
        name="Negative Prompt",
        description="What to avoid",
    )
    preset: EnumProperty(
        name="Preset",
        description="How much time to spend",
        items=_presets_of,
        default=NUMBERS["standard"],
    )
    seed: IntProperty(
        name="Seed",
        description="Another seed gives another object; the same seed and settings repeat it",
        min=0,
    )
    make_volume: BoolProperty(
        name="Volume",
        description="Import the result as a Volume that glows in its colours",
        default=True,
    )
    make_mesh: BoolProperty(
        name="Mesh",
        description="Import the result as a mesh with a colour attribute",
        default=True,
    )

    run_on: EnumProperty(
        name="Run On",
        description="Where the next jobs run, and those that are resumed",
        items=[
            ("HERE", "This Computer", "One job at a time, on this computer"),
            ("FARM", "Farm", "On the farm of the add-on's preferences; its jobs continue when Blender is closed"),
        ],
    )

    @property
    def farm(self) -> Farm | None:
        """The chosen farm, None for this computer; SjcError as of `user_preferences.farm`."""
        return user_preferences.farm() if self.run_on == "FARM" else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The chosen outputs for the API."""
        return tuple(name for name, wanted in (("volume", self.make_volume), ("mesh", self.make_mesh)) if wanted)

    @property
    def takes_prompt(self) -> bool:
        """Whether the chosen model needs a prompt."""
        return self.family is None or self.family.needs_prompt

    @property
    def steered(self) -> bool:
        """Whether a guide or a picture beside the prompt can steer the chosen model; True of one that is not known."""
        return self.family is None or self.family.steered

    def request(self, rig: RigChoice | None = None) -> JobRequest:
        """Return the request for the next job; `rig` is the choice of these settings if its path was played already."""
        names = ("prompt", "preset", "model", "seed", "outputs", "domain", "proxy", "memory")
        return JobRequest(
            **{name: getattr(self, name) for name in names},
            negative_prompt=self.negative_prompt if self.takes_prompt else "",
            overrides={"model": {"adapters": self.used_adapters}, **self.guide_levels, **self.picture_place},
            rig=rig or self.rig_choice(),
            jitter=self.jitter_degrees,
            looseness=self.proxy_looseness,
            **self.guide_request,
            **self.picture_request,
        )

    def edit_request(self, result: bpy.types.Object) -> JobRequest:
        """Return the request for an edit of a result."""
        settings = JobRequest()
        if self.edit_settings == "TAB":
            tab = self.request()
            names = ("model", "preset", "seed", "negative_prompt", "overrides")
            settings = JobRequest(**{name: getattr(tab, name) for name in names})
        return dataclasses.replace(
            settings,
            prompt=self.edit_prompt.strip() or None,
            edit=result,
            region=self.edit_region,
            anew=self.edit_anew and self.edit_region is not None,
            memory=self.memory,
        )

    def obstacle(self) -> str:
        """Return why no job can start with these settings; empty if there is no known reason."""
        if not self.prompt.strip() and self.takes_prompt:
            return "Write a prompt first"
        if self.rig_obstacle():
            return self.rig_obstacle()
        if self.guide_kind != "NONE" and not self.steered:
            return "This model takes no guide; choose none"
        if not self.outputs:
            return "Choose a volume, a mesh or both"
        return self.model_obstacle() or self.picture_obstacle()


PROPERTIES = ((bpy.types.Scene, "sjc", PointerProperty(type=SJC_PG_settings)),)
