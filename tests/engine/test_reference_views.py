"""Pictures with their cameras in a model's place: a folder in, the shape out; and what is wrong with a folder."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine import job
from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining, new_field
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import CameraRig, ModelSpec
from tests.engine.ball_views import RADIUS, VIEWS, write_ball_views


@pytest.fixture(scope="module")
def ball_views(tmp_path_factory):
    return write_ball_views(tmp_path_factory.mktemp("views"))


def job_of(folder, **optimisation):
    outputs = {"colour_views": 4}
    return presets.new_job("", model=str(folder), field={"resolution": 20}, outputs=outputs, optimisation=optimisation)


def test_the_shape_comes_back_from_its_pictures_alone(ball_views):
    spec = job_of(ball_views, steps=200)
    model = load_score_model(spec.model)
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(str(ball_views)), model))
    while sjc.step < sjc.spec.optimisation.steps:
        sjc.advance()
    density = sjc.field.density_at_voxels().detach()
    opacity = 1 - torch.exp(-density * sjc.field.voxel_size)
    axis = (torch.arange(20) + 0.5) / 10 - 1
    radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).norm(dim=-1)
    # The surface itself lies within voxels, which it fills by halves.
    assert opacity[radius < RADIUS - 0.1].mean() > 0.6
    assert opacity[radius > RADIUS + 0.1].mean() < 0.02


def test_a_job_uses_the_cameras_of_its_pictures(ball_views):
    spec = job_of(ball_views)
    assert isinstance(spec.cameras, CameraRig)
    assert [camera.name for camera in spec.cameras.cameras] == [f"view {index}" for index in range(VIEWS)]


def test_a_whole_job_runs_without_a_prompt(ball_views, tmp_path):
    folder = JobFolder.create(tmp_path / "job", job_of(ball_views, steps=4))
    assert job.run_job(folder, lambda event: None, lambda: False)
    with np.load(folder.result / "field.npz", allow_pickle=False) as field:
        assert field["density"].max() > 0


def test_each_camera_gets_its_own_picture_and_no_other(ball_views):
    model = load_score_model(ModelSpec(str(ball_views), device="cpu"))
    cameras = job_of(ball_views).cameras.cameras
    picture = model.picture_of(viewpoint_of(cameras[7]))
    with Image.open(ball_views / "7.png") as expected:
        pixels = torch.from_numpy(np.array(expected.convert("RGB"))).movedim(-1, 0) / 127.5 - 1
    torch.testing.assert_close(picture[0], pixels, atol=1e-5, rtol=0)
    with pytest.raises(SjcError) as error:
        model.picture_of(viewpoint_of(orbit_camera(1.0, 2.0, 3.0, 40, "elsewhere")))
    assert error.value.code == "no_reference_view"
    assert "elsewhere" in error.value.message


def test_what_is_transparent_is_white(ball_views, tmp_path):
    view = json.loads((ball_views / "reference_views.json").read_text())["views"][0]
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / view["image"])
    (tmp_path / "reference_views.json").write_text(json.dumps({"views": [view]}))
    model = load_score_model(ModelSpec(str(tmp_path), device="cpu"))
    torch.testing.assert_close(model.images, torch.ones(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: {}, "views"),
        (lambda data: {"views": []}, "names no view"),
        (lambda data: {"views": [{**data["views"][0], "image": "../secret.png"}]}, "outside the folder"),
        (lambda data: {"views": [{**data["views"][0], "image": "gone.png"}]}, "gone.png"),
        (lambda data: {"views": [{"image": "0.png", "camera": {"name": "front"}}]}, "pose"),
    ],
)
def test_a_wrong_list_is_told_with_its_file(ball_views, tmp_path, change, said):
    data = json.loads((ball_views / "reference_views.json").read_text())
    (tmp_path / "reference_views.json").write_text(json.dumps(change(data)))
    with pytest.raises(SjcError) as error:
        load_score_model(ModelSpec(str(tmp_path), device="cpu"))
    assert error.value.code == "bad_reference_views"
    assert said in error.value.message


def test_an_oblong_picture_is_told(ball_views, tmp_path):
    view = json.loads((ball_views / "reference_views.json").read_text())["views"][0]
    Image.new("RGB", (8, 6)).save(tmp_path / view["image"])
    (tmp_path / "reference_views.json").write_text(json.dumps({"views": [view]}))
    with pytest.raises(SjcError, match="8 x 6"):
        load_score_model(ModelSpec(str(tmp_path), device="cpu"))


# ---- What is behind the object -------------------------------------------------------------------------------------


def views_of(folder, picture):
    """Four pictures, made by a function of their number."""
    pose = np.eye(4) + 3 * np.eye(4, k=1) * [[0], [0], [1], [0]]
    view = {"pose": pose.tolist(), "window": [-1, 1, -1, 1]}
    views = [{"image": f"{index}.png", "camera": {"name": str(index), **view}} for index in range(4)]
    folder.mkdir()
    for index in range(4):
        picture(index).save(folder / f"{index}.png")
    (folder / "reference_views.json").write_text(json.dumps({"views": views}))
    return load_score_model(ModelSpec(str(folder), device="cpu"))


def object_before(colour, mode="RGB", covered=16):
    """Something shaded of all colours that reaches the edges, before one colour."""

    def make(index):
        pixels = np.full((32, 32, len(colour)), colour, np.uint8)
        shades = np.random.default_rng(index).integers(0, 255, (32, covered, 3))
        pixels[:, :covered, :3] = shades
        pixels[:, :covered, 3:] = 255
        return Image.fromarray(pixels)

    return make


@pytest.mark.parametrize(
    ("colour", "mode", "wanted"),
    [
        ((0, 0, 0, 0), "RGBA", 1.0),
        ((255, 255, 255), "RGB", 1.0),
        ((0, 0, 0), "RGB", -1.0),
        ((128, 128, 128), "RGB", 0.004),
    ],
)
def test_what_the_pictures_have_behind_the_object_is_what_the_field_has(tmp_path, colour, mode, wanted):
    model = views_of(tmp_path / "set", object_before(colour, mode))
    torch.testing.assert_close(model.background, torch.full((3,), wanted), atol=0.01, rtol=0)
    spec = job_of(tmp_path / "set")
    field = new_field(spec, model, 0)
    behind = field.background(torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]))
    torch.testing.assert_close(behind, torch.full((2, 3), wanted), atol=0.02, rtol=0)
    assert not field.background_texture.texels.requires_grad


def test_before_many_colours_or_by_request_the_background_is_learned(tmp_path):
    model = views_of(tmp_path / "set", object_before((9, 9, 9), covered=32))
    assert model.background is None
    assert new_field(job_of(tmp_path / "set"), model, 0).background_texture.texels.requires_grad
    known = views_of(tmp_path / "white", object_before((255, 255, 255)))
    spec = presets.new_job("", model=str(tmp_path / "white"), field={"resolution": 20, "background": [0.1, 0.2, 0.3]})
    field = new_field(spec, known, 0)
    assert field.background_texture.texels.requires_grad
    assert field.background_texture.texels[0].tolist() == pytest.approx([0.1, 0.2, 0.3])
