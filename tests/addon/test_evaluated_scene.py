"""Whatever a scene shows of it, a rig, a domain and a proxy are read as they are evaluated; or refused by name."""

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from sjc_blender.addon import api
from sjc_blender.addon.jobs.scene_view import SceneView
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.addon.rigs import animated_property, rig_building
from sjc_blender.addon.rigs.domain import domain_spec
from sjc_blender.addon.rigs.evaluated_scene import evaluated
from sjc_blender.addon.rigs.proxy import filled_grid
from sjc_blender.addon.rigs.rig import cameras_from_scene
from sjc_blender.protocol.errors import SjcError
from tests.addon.evaluated_call import domain_of, read


def surroundings(scene, rig, domain, jitter=0.0):
    return SceneView(scene).surroundings(rig, domain, jitter)


COLLECTIONS = ("objects", "collections", "scenes", "cameras", "meshes", "actions", "worlds", "node_groups")


@pytest.fixture
def stand(scene):
    """Give a collection with a domain, a camera and a box, which hang on an arm that is moved after all was made.

    Of the box only an Array modifier is as long as it should be; a driver sets the lens and a custom property.
    """
    made = bpy.data.collections.new("Stand")
    scene.collection.children.link(made)
    arm = bpy.data.objects.new("Arm", None)
    scene.collection.objects.link(arm)
    domain = bpy.data.objects.new("Domain", None)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -6, 0), (math.pi / 2, 0, 0)
    camera["sjc_weight"] = 1.0
    for target, path in ((camera.data, "lens"), (camera, '["sjc_weight"]')):
        target.driver_add(path).driver.expression = "frame + 30"
    box = bpy.data.objects.new("Box", _cube())
    box.location.x = -0.75
    array = box.modifiers.new("Array", "ARRAY")
    array.count, array.relative_offset_displace[0] = 4, 1
    for obj in (domain, camera, box):
        made.objects.link(obj)
        obj.parent = arm
    bpy.context.view_layer.update()
    return made


def _cube(side=0.5):
    mesh = bpy.data.meshes.new("Box")
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata([[c * side / 2 for c in corner] for corner in corners], [], faces)
    return mesh


def _layer(name):
    return bpy.context.view_layer.layer_collection.children[name]


def _excluded(stand):
    _layer("Stand").exclude = True


def _eye(stand):
    _layer("Stand").hide_viewport = True
    for obj in stand.objects:
        obj.hide_set(True)


def _collection_off(stand):
    stand.hide_viewport = True


def _objects_off(stand):
    for obj in stand.objects:
        obj.hide_viewport = True


def _not_rendered(stand):
    stand.hide_render = True
    for obj in stand.objects:
        obj.hide_render = True


def _other_view_layer(stand):
    bpy.context.scene.view_layers.new("Other")
    _excluded(stand)


def _parent_hidden(stand):
    away = bpy.data.collections.new("Away")
    bpy.context.scene.collection.children.link(away)
    arm = bpy.data.objects["Arm"]
    bpy.context.scene.collection.objects.unlink(arm)
    away.objects.link(arm)
    _layer("Away").exclude = True


def _parent_hidden_too(stand):
    _parent_hidden(stand)
    _objects_off(stand)


def _parent_in_no_scene(stand):
    bpy.context.scene.collection.objects.unlink(bpy.data.objects["Arm"])


HIDDEN = {
    "shown": lambda stand: None,
    "excluded from the view layer": _excluded,
    "hidden by the eye": _eye,
    "collection disabled in viewports": _collection_off,
    "objects disabled in viewports": _objects_off,
    "disabled in renders": _not_rendered,
    "in another view layer": _other_view_layer,
    "child of something excluded": _parent_hidden,
    "disabled, and child of something excluded": _parent_hidden_too,
    "child of something in no scene": _parent_in_no_scene,
}


def move(scene):
    bpy.data.objects["Arm"].matrix_world = Matrix.LocRotScale((5, 6, 7), None, (2, 2, 2))
    scene.frame_set(3)


def assert_read_right(rig):
    """Everything where the arm has taken it, with modifiers and drivers."""
    scene = bpy.context.scene
    around = surroundings(scene, rig, "Domain", 0.0)
    assert np.array(around.domain.matrix_world) == pytest.approx(
        np.array([[2, 0, 0, 5], [0, 2, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1]]), abs=1e-5
    )
    (camera,) = around.cameras.cameras
    assert np.array(camera.pose)[:3, 3] == pytest.approx((0, -6, 0), abs=1e-5)
    assert camera.weight == 33
    left, right, _bottom, _top = camera.window
    assert right - left == pytest.approx(36 / 33 * 9 / 16, abs=1e-5)
    grid = read(filled_grid, bpy.data.objects["Box"], around.domain, 32).filled
    # Four boxes side by side, each a quarter of the domain's side.
    assert grid.sum() == 32 * 8 * 8


@pytest.mark.parametrize("how", HIDDEN)
def test_what_is_hidden_is_read_as_it_is_evaluated(scene, stand, how):
    HIDDEN[how](stand)
    move(scene)
    assert_read_right("Stand")


def state_of_the_file():
    shown = [
        (layer.name, layer.exclude, layer.hide_viewport) for layer in bpy.context.view_layer.layer_collection.children
    ]
    selected = [obj.name for obj in bpy.context.view_layer.objects.selected]
    blocks = {name: [(b.name, b.users) for b in getattr(bpy.data, name)] for name in COLLECTIONS}
    hidden = [(obj.name, obj.hide_viewport, obj.hide_get()) for obj in bpy.data.objects]
    placed = [(obj.name, [list(row) for row in obj.matrix_world]) for obj in bpy.data.objects]
    return shown, selected, blocks, hidden, placed, bpy.context.scene.name, bpy.context.view_layer.name


@pytest.mark.parametrize("how", HIDDEN)
def test_reading_leaves_the_file_as_it_was(scene, stand, how):
    HIDDEN[how](stand)
    move(scene)
    bpy.data.objects["Arm"].select_set("Arm" in bpy.context.view_layer.objects)
    bpy.context.view_layer.update()
    before = state_of_the_file()
    surroundings(scene, "Stand", "Domain", 0.0)
    assert state_of_the_file() == before
    with pytest.raises(SjcError):
        surroundings(scene, "Stand", "Camera", 0.0)
    assert state_of_the_file() == before


def test_another_scene_is_read_at_its_own_frame(scene, stand):
    move(scene)
    bpy.context.window.scene = bpy.data.scenes.new("Front")
    with evaluated(scene) as view:
        rig = cameras_from_scene("Stand", domain_spec(bpy.data.objects["Domain"], view), view)
    assert np.array(rig.cameras[0].pose)[:3, 3] == pytest.approx((0, -6, 0), abs=1e-5)
    assert rig.cameras[0].weight == 33


@pytest.mark.parametrize("how", HIDDEN)
def test_a_hidden_result_is_where_it_stands(scene, stand, how):
    HIDDEN[how](stand)
    move(scene)
    assert np.array(domain_now(bpy.data.objects["Box"]))[:3, 3] == pytest.approx((3.5, 6, 7), abs=1e-5)


def test_what_is_hidden_goes_by_the_scenes_own_settings(scene, stand):
    """Simplified subdivision, the time stretched, and a driver that asks the scene."""
    box = bpy.data.objects["Box"]
    box.modifiers.clear()
    box.modifiers.new("Round", "SUBSURF").levels = 3
    scene.render.use_simplify, scene.render.simplify_subdivision = True, 1
    scene.render.frame_map_new = 200
    scene["lens"] = 44.0
    driver = bpy.data.cameras["Camera"].animation_data.drivers[0].driver
    variable = driver.variables.new()
    variable.type, variable.name = "CONTEXT_PROP", "own"
    variable.targets[0].context_property = "ACTIVE_SCENE"
    variable.targets[0].data_path = '["lens"]'
    driver.expression = "own + frame"
    scene.frame_set(4)

    def read_now():
        with evaluated(scene) as view:
            lens = view.one(bpy.data.objects["Camera"], "rig").evaluated.data.lens
            return lens, len(view.one(box, "proxy").evaluated.data.vertices)

    shown = read_now()
    assert shown == (44 + 4 / 2, 26)
    _excluded(stand)
    assert read_now() == shown


def test_a_rig_is_added_around_a_hidden_domain(scene, stand):
    _excluded(stand)
    move(scene)
    rig = rig_building.add_orbit_rig(scene, bpy.data.objects["Domain"], count=5)
    around = surroundings(scene, rig, "Domain", 0.0)
    for camera in around.cameras.cameras:
        assert np.linalg.norm(np.array(camera.pose)[:3, 3]) == pytest.approx(1.5, abs=0.2)


def test_what_its_animation_switches_off_is_refused_by_name(scene, stand):
    camera = bpy.data.objects["Camera"]
    camera.hide_viewport = True
    camera.keyframe_insert("hide_viewport", frame=1)
    move(scene)
    with pytest.raises(SjcError, match=r"'Camera' of the rig 'Stand' is switched off by its animation at frame 3"):
        surroundings(scene, "Stand", "Domain", 0.0)
    assert camera.hide_viewport


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("Set Rig", None), "The rig 'Set Rig' is not in the scene 'Scene'. Switch to the scene 'Set'"),
        (("ORBIT", "Set Domain"), "The domain 'Set Domain' is not in the scene 'Scene'. Switch to the scene 'Set'"),
        (("Loose", None), "The rig 'Loose' is not in the scene 'Scene'. Drag it into a collection of the scene"),
        (("Half", None), "Of the rig 'Half', 'Set Camera' is not in the scene 'Scene'."),
    ],
)
def test_what_is_not_in_the_scene_is_refused_by_name(scene, stand, arguments, said):
    other = bpy.data.scenes.new("Set")
    rigs = {name: bpy.data.collections.new(name) for name in ("Set Rig", "Loose", "Half")}
    other.collection.children.link(rigs["Set Rig"])
    for name, collections in (
        ("Set Camera", ("Set Rig", "Half")),
        ("Loose Camera", ("Loose",)),
        ("Here", ("Half",)),
    ):
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        for collection in collections:
            rigs[collection].objects.link(camera)
    scene.collection.objects.link(bpy.data.objects["Here"])
    other.collection.objects.link(bpy.data.objects.new("Set Domain", None))
    with pytest.raises(SjcError) as caught:
        surroundings(scene, *arguments, 0.0)
    assert caught.value.code == "not_in_scene"
    assert str(caught.value).startswith(said)


def test_a_proxy_and_a_region_that_are_not_in_the_scene_are_refused(scene, tmp_path):
    bpy.data.objects.new("Nowhere", _cube())
    with pytest.raises(SjcError, match="The proxy 'Nowhere' is not in the scene 'Scene'"):
        api.generate("a chair", proxy="Nowhere", folder=tmp_path / "job")
    assert not (tmp_path / "job").exists()


def instance(scene, collection, name, **attributes):
    empty = bpy.data.objects.new(name, None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    for attribute, value in attributes.items():
        setattr(empty, attribute, value)
    scene.collection.objects.link(empty)
    return empty


@pytest.fixture
def library(scene, stand, tmp_path):
    """Give the collection linked from another file, where the arm stands at the origin."""
    stand.objects.link(bpy.data.objects["Arm"])
    path = tmp_path / "library.blend"
    bpy.data.libraries.write(str(path), {stand}, fake_user=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (_there, wanted):
        wanted.collections = ["Stand"]
    bpy.context.scene.frame_set(3)
    return bpy.data.collections["Stand"]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_linked_collection_is_where_its_instance_is(library, hidden):
    empty = instance(bpy.context.scene, library, "Instance", location=(5, 6, 7), scale=(2, 2, 2))
    empty.hide_viewport = hidden
    assert_read_right("Stand")


def test_instances_in_instances_and_offsets_are_followed(library):
    outer = bpy.data.collections.new("Outer")
    outer.instance_offset = (1, 0, 0)
    library_in_outer = bpy.data.objects.new("Inner", None)
    library_in_outer.instance_type, library_in_outer.instance_collection = "COLLECTION", library
    library_in_outer.location = (2, 0, 0)
    outer.objects.link(library_in_outer)
    instance(bpy.context.scene, outer, "Instance", location=(3, 6, 7), scale=(2, 2, 2))
    assert_read_right("Stand")


def test_an_object_with_several_instances_is_refused(library):
    for place in (0, 9):
        instance(bpy.context.scene, library, f"Instance {place}", location=(place, 0, 0))
    with pytest.raises(SjcError) as caught:
        surroundings(bpy.context.scene, "Stand", None, 0.0)
    assert caught.value.code == "several_instances"
    assert "'Camera' of the rig 'Stand' 2 times" in str(caught.value)


def test_a_linked_collection_without_instance_is_refused_or_read_in_the_scene(library):
    with pytest.raises(SjcError, match="The rig 'Stand' is not in the scene"):
        surroundings(bpy.context.scene, "Stand", None, 0.0)
    bpy.context.scene.collection.children.link(library)
    for obj in library.objects:
        obj.hide_viewport = True
    (camera,) = surroundings(bpy.context.scene, "Stand", None, 0.0).cameras.cameras
    assert np.array(camera.pose)[:3, 3] == pytest.approx((0, -6, 0), abs=1e-5)
    assert all(obj.hide_viewport for obj in library.objects)


def test_an_override_of_a_linked_rig_is_read_as_it_is_here(library):
    scene = bpy.context.scene
    scene.collection.children.link(library)
    made = library.override_hierarchy_create(scene, bpy.context.view_layer)
    scene.collection.children.unlink(library)
    for obj in made.objects:
        obj.hide_viewport = obj.name != "Arm"
        if obj.name == "Arm":
            obj.location = (0.5, -2, 0.25)
    (camera,) = surroundings(scene, made, None, 0.0).cameras.cameras
    assert np.array(camera.pose)[:3, 3] == pytest.approx((0.5, -8, 0.25), abs=1e-5)


def test_cameras_that_a_rig_instances_are_its_cameras(scene, stand):
    bpy.data.objects["Arm"].location = (0.5, -2, 7)
    arms = bpy.data.collections.new("Arms")
    scene.collection.children.link(arms)
    for turn in (0, 1, 2):
        empty = instance(scene, stand, f"Arm {turn}", rotation_euler=(0, 0, turn * math.pi / 2), location=(0, 0, -7))
        arms.objects.link(empty)
        scene.collection.objects.unlink(empty)
    arms.hide_viewport = True
    cameras = surroundings(scene, "Arms", None, 0.0).cameras.cameras
    assert [camera.name for camera in cameras] == [f"Camera in Arm {turn}" for turn in (0, 1, 2)]
    places = [np.array(camera.pose)[:3, 3] for camera in cameras]
    assert np.array(places) == pytest.approx(np.array([(0.5, -8, 0), (8, 0.5, 0), (-0.5, 8, 0)]), abs=1e-5)


def test_the_box_of_an_instancing_domain_has_modifiers_and_nested_instances(scene, stand):
    shapes = bpy.data.collections.new("Shapes")
    shapes.objects.link(bpy.data.objects["Box"])
    bpy.data.objects["Box"].parent = None
    around = bpy.data.collections.new("Around")
    inner = bpy.data.objects.new("Inner", None)
    inner.instance_type, inner.instance_collection = "COLLECTION", shapes
    around.objects.link(inner)
    _excluded(stand)
    empty = instance(scene, around, "Boxes", scale=(2, 1, 1))
    empty.hide_viewport = True
    assert domain_of(empty).half_extents == pytest.approx((1, 0.125, 0.125))


@pytest.mark.parametrize("how", ["excluded from the view layer", "objects disabled in viewports"])
def test_a_path_is_that_of_a_hidden_camera_too(scene, stand, how):
    camera = bpy.data.objects["Camera"]
    scene.camera = camera
    arm = bpy.data.objects["Arm"]
    for frame in (1, 11):
        arm.location.x = frame / 10
        arm.keyframe_insert("location", frame=frame)
    for curve in animated_property.action_curves(arm.animation_data):
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    HIDDEN[how](stand)
    rig = surroundings(scene, "ANIMATION:1-11", None, 0.0).cameras
    assert [camera.pose[0][3] for camera in rig.cameras] == pytest.approx(np.linspace(0.1, 1.1, 48), abs=1e-5)


@pytest.mark.parametrize("how", ["shown", "excluded from the view layer", "objects disabled in viewports"])
def test_hidden_geometry_nodes_instances_fill_a_proxy(scene, stand, how):
    group = bpy.data.node_groups.new("Twice", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    source = group.nodes.new("GeometryNodeObjectInfo")
    source.inputs["Object"].default_value = bpy.data.objects["Box"]
    source.inputs["As Instance"].default_value = True
    source.transform_space = "RELATIVE"
    output = group.nodes.new("NodeGroupOutput")
    group.links.new(source.outputs["Geometry"], output.inputs[0])
    holder = bpy.data.objects.new("Holder", bpy.data.meshes.new("Holder"))
    holder.modifiers.new("Nodes", "NODES").node_group = group
    stand.objects.link(holder)
    HIDDEN[how](stand)
    bpy.data.objects["Box"].hide_viewport = False  # what is off itself, its instances are too
    move(scene)
    grid = read(filled_grid, holder, domain_of(bpy.data.objects["Domain"]), 32).filled
    assert grid.sum() == 32 * 8 * 8
