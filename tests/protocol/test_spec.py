"""Job specs: round trips, and one judgement that lists every fault."""

import json
import math

import pytest

from sjc_blender.protocol import codec, presets, validation
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.overrides import parse_overrides
from sjc_blender.protocol.spec import IDENTITY, Camera, CameraRig, FieldSpec, JobSpec, OrbitRig

SD = "some/model"


def camera(x=0.0, y=-2.0, z=0.0, name="Camera", **fields):
    # Looks along +Y from -Y: the columns are right, up, backward.
    pose = ((1, 0, 0, x), (0, 0, -1, y), (0, 1, 0, z), (0, 0, 0, 1))
    return Camera(name, tuple(tuple(map(float, row)) for row in pose), (-0.5, 0.5, -0.5, 0.5), **fields)


def faulty_fields(error):
    return {fault.field for fault in error.value.faults}


def test_a_spec_survives_json():
    rig = CameraRig((camera(), camera(weight=2.0, projection="orthographic")), jitter=5.0)
    spec = presets.new_job("a chair", model=SD, cameras=rig, seed=7, negative_prompt="blurry")
    assert validation.spec_from_json(json.loads(json.dumps(codec.encode(spec)))) == spec


def test_every_fault_is_listed_at_once():
    with pytest.raises(InvalidSpec) as error:
        presets.new_job(
            " ", model=SD, seed=-1, cameras={"distance": [0, 1]}, optimisation={"steps": 0}, field={"resolution": 3}
        )
    assert faulty_fields(error) == {"prompt", "seed", "cameras.distance", "optimisation.steps", "field.resolution"}
    for field in faulty_fields(error):
        assert field in error.value.message


@pytest.mark.parametrize(
    ("setting", "faulty"),
    [
        ("field.stages=[[0.1, 24], [0.4, 80]]", "field.stages"),  # begins at 0
        ("field.stages=[[0.0, 24], [0.4, 48]]", "field.stages"),  # ends with field.resolution
        ("field.stages=[[0.0, 80], [0.4, 80]]", "field.stages"),
        ("field.stages=[[0.0, 24], [1.0, 80]]", "field.stages"),
        ("field.stages=[[0.0, 4], [0.5, 80]]", "field.stages"),
        ("field.stages=[24, 80]", "field.stages[0]"),
        ("field.background_kind=sky", "field.background_kind"),
        ("optimisation.views=0", "optimisation.views"),
        ("optimisation.noises=65", "optimisation.noises"),
        ("optimisation.clip=[0, 2]", "optimisation.clip"),
        ("optimisation.estimator=eq17", "optimisation.estimator"),
        ("optimisation.guidance=none", "optimisation.guidance"),
        ("optimisation.guidance_rescale=1.1", "optimisation.guidance_rescale"),
        ("optimisation.perp_neg_weight=-1", "optimisation.perp_neg_weight"),
        ("optimisation.view_blending=trilinear", "optimisation.view_blending"),
        ("optimisation.above_until=1.5", "optimisation.above_until"),
        ("optimisation.sharpening=0.5", "optimisation.sharpening"),
        ("optimisation.sharpening_start=0", "optimisation.sharpening_start"),
        ("optimisation.distortion_weight=-1", "optimisation.distortion_weight"),
        ("optimisation.density_variation_weight=-1", "optimisation.density_variation_weight"),
        ("field.blob_density=-1", "field.blob_density"),
    ],
)
def test_settings_that_cannot_be_are_named(setting, faulty):
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a chair", model=SD, **parse_overrides([setting]))
    assert faulty in faulty_fields(error)


def test_settings_that_exclude_each_other_are_named():
    with pytest.raises(InvalidSpec, match="classifier score is no picture") as error:
        presets.new_job("a", model=SD, optimisation={"guidance": "classifier_score", "guidance_rescale": 0.5})
    assert faulty_fields(error) == {"optimisation.guidance_rescale"}
    with pytest.raises(InvalidSpec, match="a start by itself") as error:
        presets.new_job("a", model=SD, field={"blob_density": 5, "proxy": {"digest": "0"}})
    assert faulty_fields(error) == {"field.blob_density"}


def test_what_is_not_in_the_paper_is_off_unless_it_is_asked_for():
    paper = presets.new_job("a", model=SD, preset="paper")
    off = {name for name in codec.encode(paper.optimisation) if name.endswith("_weight")} - {"emptiness_weight"}
    assert {getattr(paper.optimisation, name) for name in off} == {0.0}
    assert (paper.optimisation.guidance, paper.optimisation.guidance_rescale) == ("classifier_free", 0.0)
    assert (paper.optimisation.view_blending, paper.field.blob_density) == ("model", 0.0)


def test_stages_and_pairs_that_can_be():
    spec = presets.new_job(
        "a chair",
        model=SD,
        field={"resolution": 80, "stages": [[0, 24], [0.4, 80]]},
        optimisation={"noises": 4, "clip": [0.5, 2]},
    )
    assert spec.field.stages == ((0.0, 24), (0.4, 80))


def test_unknown_fields_and_wrong_kinds_are_named():
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a", model=SD, colour="red", optimisation={"steps": "many", "stepz": 3}, seed=True)
    assert faulty_fields(error) == {"colour", "optimisation.steps", "optimisation.stepz", "seed"}


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a", model=SD, optimisation={"guidance_scale": math.inf, "learning_rate": math.nan})
    assert faulty_fields(error) == {"optimisation.guidance_scale", "optimisation.learning_rate"}


def test_a_spec_of_another_version_is_refused():
    with pytest.raises(InvalidSpec, match="version"):
        validation.spec_from_json({**codec.encode(JobSpec("a")), "version": 99})


@pytest.mark.parametrize(
    ("rig", "words"),
    [
        (CameraRig(()), "at least one camera"),
        (CameraRig((camera(y=-0.5, name="Close-up"),)), "'Close-up'"),
        (CameraRig((camera(y=2.0, name="Turned away"),)), "does not see the domain"),
        (CameraRig((camera(x=9.0, name="Beside"),)), "'Beside'"),
        (CameraRig((camera(weight=0.0),)), "weight"),
        (CameraRig((camera(y=2.0, projection="orthographic"),)), "does not see the domain"),
    ],
)
def test_cameras_that_cannot_serve_are_named(rig, words):
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a", model=SD, cameras=rig)
    assert words in error.value.message


def test_a_camera_that_sees_only_a_corner_of_the_domain_serves():
    presets.new_job("a", model=SD, cameras=CameraRig((camera(x=1.8),)))


def scaled(x, y, z):
    return ((x, 0, 0, 0), (0, y, 0, 0), (0, 0, z, 0), (0, 0, 0, 1))


@pytest.mark.parametrize("matrix", [scaled(1, 2, 1), scaled(0, 0, 0), scaled(-1, 1, 1), scaled(1, 1, math.nan)])
def test_a_domain_matrix_must_be_a_similarity(matrix):
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a", model=SD, domain={"matrix_world": matrix})
    assert any(field.startswith("domain.matrix_world") for field in faulty_fields(error))


@pytest.mark.parametrize("extents", [(0.0, 1.0, 1.0), (2.0, 1.0, 1.0), (-1.0, 1.0, 1.0)])
def test_a_domain_of_zero_or_wrong_size_is_refused(extents):
    with pytest.raises(InvalidSpec, match=r"domain\.half_extents"):
        presets.new_job("a", model=SD, domain={"half_extents": extents})


@pytest.mark.parametrize(("floor", "fine"), [(-1.1275, True), (0.4, True), (-2.1, False), (math.nan, False)])
def test_feet_may_reach_out_of_the_box_by_what_a_coarse_grid_is_rounded_to(floor, fine):
    if fine:
        assert presets.new_job("a", model=SD, domain={"floor": floor}).domain.floor == floor
    else:
        with pytest.raises(InvalidSpec, match=r"domain\.floor"):
            presets.new_job("a", model=SD, domain={"floor": floor})


def test_a_moved_turned_and_scaled_domain_is_fine():
    cos, sin = math.cos(0.7), math.sin(0.7)
    matrix = ((3 * cos, -3 * sin, 0, 5), (3 * sin, 3 * cos, 0, -2), (0, 0, 3, 1), (0, 0, 0, 1))
    presets.new_job("a", model=SD, domain={"matrix_world": matrix, "half_extents": (1, 0.5, 0.25)})


def test_presets_are_quicker_to_slower_and_end_with_the_paper():
    names = presets.preset_names()
    assert names.index("draft") < names.index("standard") < names.index("paper")
    paper = presets.new_job("a", model=SD, preset="paper")
    assert (paper.optimisation.steps, paper.field.resolution, paper.optimisation.guidance_scale) == (10_000, 100, 100)
    with pytest.raises(InvalidSpec, match="draft"):
        presets.new_job("a", model=SD, preset="fast")


def test_the_callers_settings_win_and_leave_the_rest():
    spec = presets.new_job("a", model=SD, preset="draft", optimisation={"guidance_scale": 30.0})
    draft = presets.new_job("a", model=SD, preset="draft")
    assert spec.optimisation.guidance_scale == 30.0
    assert spec.optimisation.steps == draft.optimisation.steps


def test_a_rig_of_another_kind_replaces_the_orbit():
    rig = CameraRig((camera(),))
    assert presets.new_job("a", model=SD, cameras=rig).cameras == rig
    orbit = presets.new_job("a", model=SD, cameras={"distance": (3.0, 3.0)}).cameras
    assert isinstance(orbit, OrbitRig)
    assert orbit.distance == (3.0, 3.0)
    assert orbit.elevation == (-6.4, 83.5)


def test_the_identity_domain_is_the_default():
    assert presets.new_job("a", model=SD).domain.matrix_world == IDENTITY


def test_settings_as_text():
    changes = parse_overrides(["optimisation.steps=5", "negative_prompt=low quality", "field.background=[1, 2]"])
    assert changes == {"optimisation": {"steps": 5}, "negative_prompt": "low quality", "field": {"background": [1, 2]}}
    with pytest.raises(SjcError, match="FIELD=VALUE"):
        parse_overrides(["steps"])


@pytest.mark.parametrize(
    ("resolution", "stages"),
    [(48, ((0, 12), (0.4, 24), (0.9, 48))), (20, ((0, 8), (0.4, 10), (0.9, 20))), (12, ((0, 8), (0.9, 12))), (8, ())],
)
def test_a_presets_stages_follow_another_resolution(resolution, stages):
    assert presets.new_job("a red chair", field={"resolution": resolution}).field.stages == stages


def test_stages_that_are_given_stay_as_they_are():
    assert presets.new_job("a red chair", field={"resolution": 64, "stages": []}).field.stages == ()
    whole = FieldSpec(resolution=64, stages=((0.0, 20), (0.5, 64)))
    assert presets.new_job("a red chair", field=whole).field.stages == whole.stages
