# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluated objects of a scene, visible or not.

Blender evaluates only what a view layer shows. Of any other object `evaluated_get` gives, without a word, a place that
may be old and none of the modifiers. Such objects are evaluated on a stage, see `stage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...protocol.errors import SjcError
from .stage import Stage

MOST_NAMED = 4

staged_last = False
"""Whether the last evaluation used a stage, which Blender reports as a change."""


@dataclass(frozen=True)
class Placed:
    """An evaluated object at its place.

    Attributes
    ----------
    name : str
        What messages call it.
    evaluated : bpy.types.Object
        With modifiers, animation and drivers. Its own ``matrix_world`` is not where an instance stands.
    matrix : ndarray of shape (4, 4)
        From its own coordinates to world space; parents and constraints are in it.
    depsgraph : bpy.types.Depsgraph
        That it belongs to.
    """

    name: str
    evaluated: bpy.types.Object
    matrix: np.ndarray
    depsgraph: bpy.types.Depsgraph


def view_layer_of(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """Return the view layer of a scene: the window's for the active scene, the first one of another."""
    view_layer = bpy.context.view_layer if scene == bpy.context.scene else scene.view_layers[0]
    assert view_layer is not None  # a scene has one
    return view_layer


@contextmanager
def evaluated(scene: bpy.types.Scene) -> Iterator[EvaluatedScene]:
    """Yield the evaluated scene, active or not; its objects are valid only inside the context."""
    global staged_last
    found = EvaluatedScene(scene)
    try:
        yield found
    finally:
        staged_last = found.close()


def may_instance(obj: bpy.types.Object) -> bool:
    """Whether other objects may come of this one; Blender's own ``is_instancer`` does not know of geometry nodes."""
    nodes = any(modifier.type == "NODES" for modifier in obj.modifiers)
    return nodes or obj.instance_type != "NONE" or len(obj.particle_systems) > 0


def place_of(obj: bpy.types.Object) -> np.ndarray:
    """Return the matrix [4, 4] of an object in the active scene, or else in one that has it; visible or not."""
    bound = obj.parent or obj.constraints or obj.animation_data or obj.rigid_body
    scenes = obj.users_scene
    if not scenes or not (bound or _has_deltas(obj)):
        return np.array(obj.matrix_basis)
    with evaluated(bpy.context.scene if bpy.context.scene in scenes else scenes[0]) as view:
        return view.one(obj, "object").matrix


class EvaluatedScene:
    """See `evaluated`."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene
        self._view_layer = view_layer_of(scene)
        self._stages: list[Stage] = []

    def one(self, obj: bpy.types.Object, called: str) -> Placed:
        """Return one object without its instances; see `several`."""
        return self._placed([obj], called)[0]

    def several(self, objects: Iterable[bpy.types.Object], called: str) -> Iterator[Placed]:
        """Yield objects by name, and everything that they instance; each is valid until the next.

        Parameters
        ----------
        objects : iterable of bpy.types.Object
            In a collection of the scene, or once in one that the scene instances; shown or not.
        called : str
            What messages call them, such as ``"rig 'Left'"``.

        Raises
        ------
        SjcError
            ``not_in_scene``; ``several_instances`` of an object that the scene has more than once, and only as
            instances; ``not_evaluated`` of one that is switched off by its own animation, or hidden and moved by
            physics.
        """
        # One of a library may have the name of another.
        in_order = sorted(objects, key=lambda obj: (obj.name, obj.library.filepath if obj.library is not None else ""))
        placed = self._placed(in_order, called)
        yield from placed
        generators = {_original(found.evaluated): found for found in placed if may_instance(found.evaluated)}
        for parent, instance, graph in _instances({obj: found.depsgraph for obj, found in generators.items()}):
            # An instancer that is itself an instance generates from where its collection has it.
            at = generators[parent]
            move = at.matrix @ np.linalg.inv(np.array(at.evaluated.matrix_world))
            name = f"{instance.object.name} in {parent.name}"
            yield Placed(name, instance.object, move @ np.array(instance.matrix_world), graph)

    def camera(self) -> Placed | None:
        """Return the scene's camera, which Blender always evaluates; None if there is none."""
        camera = self.scene.camera
        return _where_it_is(camera, self._shown()) if camera is not None and camera.type == "CAMERA" else None

    def close(self) -> bool:
        """Restore the file; return whether anything in it had been changed."""
        stages, self._stages = self._stages, []
        for stage in stages:
            stage.close()
        return bool(stages)

    def _placed(self, objects: Sequence[bpy.types.Object], called: str) -> list[Placed]:
        instanced = {obj: self._instance_of(obj, called) for obj in objects if not _has(self.scene, obj)}
        missing = [obj for obj, matrix in instanced.items() if matrix is None]
        if missing:
            raise _not_in_scene(missing, objects, called, self.scene)
        graphs = self._graphs_of(objects, called)
        return [_where_it_is(obj, graph, instanced.get(obj)) for obj, graph in graphs.items()]

    def _graphs_of(
        self, objects: Sequence[bpy.types.Object], called: str
    ) -> dict[bpy.types.Object, bpy.types.Depsgraph]:
        """Return the dependency graph that evaluates each object."""
        shown = self._shown()
        hidden = [obj for obj in objects if not self._is_shown(obj, shown)]
        if not hidden:
            return dict.fromkeys(objects, shown)
        # Another one each time: to a graph that is there already, Blender adds objects without their drivers.
        self._stages.append(Stage(self.scene))
        staged = self._stages[-1].show(hidden, called)
        # The stage may have had them all evaluated anew.
        shown = self._shown()
        return {obj: staged if obj in hidden else shown for obj in objects}

    def _shown(self) -> bpy.types.Depsgraph:
        return _graph(self.scene, self._view_layer)

    def _is_shown(self, obj: bpy.types.Object, graph: bpy.types.Depsgraph) -> bool:
        if not obj.visible_get(view_layer=self._view_layer):
            return False
        found = obj.evaluated_get(graph)
        return found.is_evaluated and not found.hide_viewport

    def _instance_of(self, obj: bpy.types.Object, called: str) -> np.ndarray | None:
        """Where the scene instances an object that is in none of its collections; None: nowhere."""
        instancers = [other for other in self.scene.objects if _has_instance(other, obj, set())]
        matrices = [
            np.array(instance.matrix_world)
            for _parent, instance, _graph in _instances(self._graphs_of(instancers, called))
            if instance.object.original == obj
        ]
        if len(matrices) > 1:
            raise SjcError(
                "several_instances",
                f"The scene {self.scene.name!r} has {obj.name!r} of the {called} {len(matrices)} times, as instances.",
                "Make one of them real (Object > Apply > Make Instances Real), and choose that.",
            )
        return matrices[0] if matrices else None


def _graph(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> bpy.types.Depsgraph:
    with bpy.context.temp_override(scene=scene, view_layer=view_layer):  # type: ignore[attr-defined]  # the stubs of 5.2
        return bpy.context.evaluated_depsgraph_get()


def _where_it_is(obj: bpy.types.Object, graph: bpy.types.Depsgraph, matrix: np.ndarray | None = None) -> Placed:
    found = obj.evaluated_get(graph)
    own = np.array(found.matrix_world, dtype=np.float64)
    return Placed(obj.name, found, own if matrix is None else matrix.astype(np.float64), graph)


def _instances(
    instancers: Mapping[bpy.types.Object, bpy.types.Depsgraph],
) -> Iterator[tuple[bpy.types.Object, Any, bpy.types.Depsgraph]]:
    """Yield the instances of these objects: instancer, instance (valid until the next), graph."""
    for graph in {id(graph): graph for graph in instancers.values()}.values():
        for instance in graph.object_instances:
            if instance.is_instance and instance.parent is not None and instance.object is not None:
                parent = _original(instance.parent)
                if instancers.get(parent) is graph:
                    yield parent, instance, graph


def _has_deltas(obj: bpy.types.Object) -> bool:
    turned = obj.delta_rotation_euler[:] != (0, 0, 0) or obj.delta_rotation_quaternion[:] != (1, 0, 0, 0)
    return turned or obj.delta_location[:] != (0, 0, 0) or obj.delta_scale[:] != (1, 1, 1)


def _original(obj: bpy.types.Object) -> bpy.types.Object:
    assert obj.original is not None  # of an original it is itself
    return obj.original


def _has(scene: bpy.types.Scene, obj: bpy.types.Object) -> bool:
    found = scene.objects.get(obj.name)
    # One of a library may have the name of another.
    return found is not None and (found == obj or any(other == obj for other in scene.objects))


def _has_instance(instancer: bpy.types.Object, obj: bpy.types.Object, seen: set[bpy.types.Collection]) -> bool:
    """Return whether an empty instances an object, also through other instances."""
    collection = instancer.instance_collection if instancer.instance_type == "COLLECTION" else None
    if collection is None or collection in seen:
        return False
    seen.add(collection)
    members = list(collection.all_objects)
    return obj in members or any(_has_instance(member, obj, seen) for member in members)


def _not_in_scene(
    missing: Sequence[bpy.types.Object], objects: Sequence[bpy.types.Object], called: str, scene: bpy.types.Scene
) -> SjcError:
    if len(missing) == len(objects):
        what = f"The {called} is not in the scene {scene.name!r}."
    else:
        named = ", ".join(repr(obj.name) for obj in missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        verb = "is" if len(missing) == 1 else "are"
        what = f"Of the {called}, {named}{more} {verb} not in the scene {scene.name!r}."
    others = [other.name for other in bpy.data.scenes if any(_has(other, obj) for obj in missing)]
    if others:
        return SjcError("not_in_scene", what, f"Switch to the scene {others[0]!r}, or link it into this one.")
    return SjcError(
        "not_in_scene", what, "Drag it into a collection of the scene (in the Outliner, from Blender File)."
    )
