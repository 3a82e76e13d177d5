"""What the panel says before the click of a proxy that the domain cuts off, and the domain that holds it all."""

import bpy
import numpy as np
import pytest

import sjc_blender
from sjc_blender.addon.rigs import rig_watch
from sjc_blender.addon.rigs.domain import domain_spec
from sjc_blender.addon.rigs.evaluated_scene import evaluated
from sjc_blender.addon.rigs.proxy_box import share_cut_off
from sjc_blender.addon.ui.rigs import rig_panel
from tests.addon.test_rig_panel import shown


@pytest.fixture
def settings(scene):
    sjc_blender.register()
    bpy.ops.mesh.primitive_cube_add(size=2, location=(1, 0, 1))
    scene.sjc.proxy_kind, scene.sjc.proxy_object = "OBJECT", bpy.context.object
    yield scene.sjc
    sjc_blender.unregister()


def told(scene):
    rig_watch.look(scene)
    return " ".join(str(part) for part in shown(rig_panel.SJC_PT_domain).drawn)


def test_half_a_proxy_outside_is_said_before_the_click_and_the_button_cures_it(settings, scene):
    assert rig_watch.look(scene).cut_off == pytest.approx(0.5, abs=1e-3)
    assert "50%" in told(scene)
    assert bpy.ops.sjc.fit_domain() == {"FINISHED"}
    assert settings.domain is not None
    assert rig_watch.look(scene).cut_off == pytest.approx(0, abs=1e-6)
    assert "50%" not in told(scene)


def test_the_fitted_domain_holds_a_turned_and_a_far_part_of_a_collection(settings, scene):
    parts = bpy.data.collections.new("Parts")
    scene.collection.children.link(parts)
    for location, turn in (((5, 2, 0), 0.7), ((-3, 0, 4), 0.0)):
        bpy.ops.mesh.primitive_cube_add(size=1, location=location, rotation=(0, turn, turn))
        parts.objects.link(bpy.context.object)
    settings.proxy_kind, settings.proxy_collection = "COLLECTION", parts
    bpy.ops.sjc.fit_domain()
    with evaluated(scene) as view:
        domain = domain_spec(settings.domain, view)
        assert share_cut_off(parts, domain, view) == pytest.approx(0, abs=1e-6)
    low = np.array([matrix[3] for matrix in domain.matrix_world[:3]])
    assert low == pytest.approx((1.0, 1.0, 2.0), abs=0.8), "in the middle between them"


def test_there_is_nothing_to_fit_without_a_proxy(settings, scene):
    settings.proxy_kind = "NONE"
    assert not bpy.ops.sjc.fit_domain.poll()
    assert rig_watch.look(scene).cut_off == 0
