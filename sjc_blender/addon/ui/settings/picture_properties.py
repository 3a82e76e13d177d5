# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture that the next job's model sees beside the prompt: a part of ``scene.sjc``."""

import math
from typing import Any

import bpy
from bpy.props import FloatProperty, PointerProperty, StringProperty

from .degrees import in_degrees


class PictureSettings:
    """Fields of `SJC_PG_settings` that choose a picture and the IP-Adapter that shows it."""

    picture: PointerProperty(
        name="Picture",
        description="The object's front, which the model sees beside the prompt, from the front the most",
        type=bpy.types.Image,
    )
    picture_adapter: StringProperty(
        name="IP-Adapter",
        description="IP-Adapter of the model's family: its .safetensors file, beside which lies the folder "
        "image_encoder",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    picture_strength: FloatProperty(
        name="Strength",
        description="How much the picture counts, seen from the front; at 1 as much as the prompt",
        default=0.6,
        min=0.01,
        max=2.0,
        soft_min=0.1,
        soft_max=1.0,
    )
    picture_reach: FloatProperty(
        name="Reach",
        description="Angle from the front from which on the picture is not seen any more; seen from all around it "
        "would become a face on every side",
        subtype="ANGLE",
        default=math.pi / 2,
        min=math.radians(1),
        max=math.pi,
    )
    picture_elevation: FloatProperty(
        name="Elevation",
        description="How far above the object's middle the picture was taken; below 0, from below",
        subtype="ANGLE",
        min=-math.pi / 2,
        max=math.pi / 2,
    )

    @property
    def takes_picture(self) -> bool:
        """Whether the chosen model turns a picture into an object."""
        return self.family is not None and self.family.takes_picture

    @property
    def picture_request(self) -> dict[str, Any]:
        """Fields of a `JobRequest` that say which picture the model sees, beside the prompt or in its place."""
        if self.picture is None:
            return {}
        if self.takes_picture:
            return {"picture": self.picture}
        return {
            "picture": self.picture,
            "picture_strength": self.picture_strength,
            "ip_adapter": self.picture_adapter.strip(),
        }

    @property
    def picture_place(self) -> dict[str, Any]:
        """How far from the front it is seen, or from where it was taken, as an override of the job spec."""
        if self.picture is None:
            return {}
        if self.takes_picture:
            return {"picture": {"elevation": in_degrees(self.picture_elevation)}}
        return {"picture": {"reach": in_degrees(self.picture_reach)}}

    def picture_obstacle(self) -> str:
        """Return why no job can start with this picture; empty if there is no known reason."""
        if self.takes_picture:
            return "Choose a picture first" if self.picture is None else ""
        if self.picture is None:
            return ""
        if not self.steered:
            return "This model takes no picture; remove it"
        return "" if self.picture_adapter.strip() else "Choose the picture's IP-Adapter"
