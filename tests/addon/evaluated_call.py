"""Readers of the scene, called with the active one as it is evaluated now."""

import bpy

from sjc_blender.addon.rigs.domain import domain_spec
from sjc_blender.addon.rigs.evaluated_scene import evaluated


def read(reader, *arguments, **options):
    """Call a reader with `arguments`, and the evaluated scene as its last one."""
    with evaluated(bpy.context.scene) as view:
        return reader(*arguments, view, **options)


def domain_of(obj):
    """Describe an object's box."""
    return read(domain_spec, obj)
