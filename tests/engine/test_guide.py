"""Guides: what a step's camera sees of chosen objects reaches the model's ControlNet, and nothing else does."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionControlNetPipeline, StableDiffusionXLControlNetPipeline

from sjc_blender.engine import checkpoint
from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.forecast.needs import CONTROL, needs_of
from sjc_blender.engine.job import run_job
from sjc_blender.engine.optimisation.guide import Guide
from sjc_blender.engine.radiance.guide_file import read_guide
from sjc_blender.engine.radiance.guide_picture import FARTHEST, depth_picture, edge_picture, guide_picture
from sjc_blender.engine.radiance.mesh_view import closeness
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import codec, presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.guide import guide_digest, guide_picture_of
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import Camera, GuideSpec, JobSpec, ModelSpec
from tests.engine.test_pause_and_continue import same
from tests.engine.tiny_control import save_control
from tests.engine.tiny_families import save_family

CPU = torch.device("cpu")


def block(centre, half):
    """Corners and triangles of a box."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    quads = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    triangles = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    return np.array(centre) + signs * np.array(half), np.array(triangles)


def a_shape():
    """Two boxes that hide a part of each other, the same from no two sides."""
    (first, triangles), (second, more) = (
        block((-0.2, 0, -0.3), (0.5, 0.3, 0.2)),
        block((0.3, -0.3, 0.2), (0.1, 0.2, 0.4)),
    )
    return np.concatenate([first, second]).astype(np.float32), np.concatenate([triangles, more + 8]).astype(np.int32)


def tensors(vertices, triangles):
    return torch.from_numpy(vertices.astype(np.float64)), torch.from_numpy(triangles.astype(np.int64))


def write(path, vertices, triangles):
    np.savez_compressed(path, version=1, vertices=vertices, triangles=triangles)
    return guide_digest(vertices.tobytes(), triangles.tobytes())


def cast(camera, vertices, triangles, size):
    """Depth of the first triangle on each ray, infinite where there is none."""
    return cast_with_normals(camera, vertices, triangles, size)[0]


def cast_with_normals(camera, vertices, triangles, size):
    """Depth of the first triangle on each ray, by Möller and Trumbore, one by one, and its normal [size, size, 3]."""
    rays = camera_rays(camera, size, size, dtype=torch.float64)
    origins, ways = rays.origins.numpy(), rays.directions.numpy()
    found, normals = np.full(len(ways), np.inf), np.zeros((len(ways), 3))
    for a, b, c in vertices.astype(np.float64)[triangles]:
        p = np.cross(ways, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / (p @ (b - a))
            s = origins - a
            u, q = (s * p).sum(1) * inverse, np.cross(s, b - a)
            v, t = (ways * q).sum(1) * inverse, (q @ (c - a)) * inverse
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < found)
        found[hit] = t[hit]
        normal = np.cross(b - a, c - a) / np.linalg.norm(np.cross(b - a, c - a))
        normals[hit] = -np.sign(ways[hit] @ normal)[:, None] * normal
    turn = np.array(camera.pose)[:3, :3]
    depth = found * -(ways @ turn[:, 2])
    return depth.reshape(size, size), (normals @ turn).reshape(size, size, 3)


PARALLEL = dataclasses.replace(
    orbit_camera(40.0, 30.0, 2.0, 50.0), projection="orthographic", window=(-1, 0.9, -0.8, 1)
)


@pytest.mark.parametrize(
    "camera",
    [
        orbit_camera(0.0, 0.0, 2.0, 55.0),
        orbit_camera(115.0, 40.0, 1.7, 60.0),
        orbit_camera(200.0, -20.0, 0.4, 120.0),  # within the shape: triangles before it, behind it and on both sides
        dataclasses.replace(orbit_camera(70.0, 10.0, 2.0, 50.0), window=(-0.1, 0.5, -0.2, 0.4)),
        PARALLEL,
    ],
    ids=["front", "above", "within", "shifted", "parallel"],
)
def test_the_nearest_triangle_is_the_one_that_a_ray_meets_first(camera):
    vertices, triangles = a_shape()
    depth = cast(camera, vertices, triangles, 32)
    near = closeness(*tensors(vertices, triangles), camera, 32).numpy()
    met = np.isfinite(depth)
    assert met.sum() > 60
    agree = np.isfinite(near) == met
    assert (~agree).sum() <= 2  # a ray along an edge
    both = met & np.isfinite(near)
    expected = 1 / depth[both] if camera.projection == "perspective" else -depth[both]
    np.testing.assert_allclose(near[both], expected, rtol=1e-5)


def test_a_depth_picture_is_inverse_depth_with_white_near_and_black_nowhere():
    near = torch.tensor([[1 / 2.0, 1 / 4.0], [1 / 3.0, -torch.inf]])
    grey = FARTHEST + (1 - FARTHEST) * (1 / 3 - 1 / 4) / (1 / 2 - 1 / 4)
    torch.testing.assert_close(depth_picture(near), torch.tensor([[1.0, FARTHEST], [grey, 0.0]]))
    torch.testing.assert_close(depth_picture(torch.tensor([[0.5, -torch.inf]])), torch.tensor([[1.0, 0.0]]))
    assert not depth_picture(torch.full((2, 2), -torch.inf)).any()


@pytest.mark.parametrize("camera", [orbit_camera(115.0, 40.0, 1.7, 60.0), PARALLEL], ids=["above", "parallel"])
def test_in_a_picture_of_normals_red_is_left_green_is_up_and_blue_faces_the_camera(camera):
    vertices, triangles = a_shape()
    depth, normals = cast_with_normals(camera, vertices, triangles, 32)
    seen = np.isfinite(depth)
    picture = guide_picture("normal", *tensors(vertices, triangles), camera, 32).permute(1, 2, 0).numpy()
    expected = np.where(seen[..., None], 0.5 + 0.5 * normals * (-1, 1, 1), (0.5, 0.5, 1.0))
    wrong = np.abs(picture - expected).max(axis=-1) > 1e-5
    assert seen.sum() > 100 and wrong.sum() <= 4  # a ray along an edge
    # A wall whose left end is nearer faces right: little red.
    wall = (
        torch.tensor([[-1.0, 1, -1], [1, 2, -1], [-1, 1, 1], [1, 2, 1]]).double(),
        torch.tensor([[0, 1, 2], [1, 3, 2]]),
    )
    for turned in (wall[1], wall[1].flip(1)):
        middle = guide_picture("normal", wall[0], turned, orbit_camera(0.0, 0.0, 2.0, 30.0), 3)[:, 1, 1]
        share = 5**-0.5
        torch.testing.assert_close(middle, torch.tensor([0.5 - share / 2, 0.5, 0.5 + share]))


def drawn_edges(corners, triangles, camera, size=24):
    picture = guide_picture("canny", torch.as_tensor(corners).double(), torch.as_tensor(triangles), camera, size)
    assert torch.equal(picture, picture[:1].expand(3, -1, -1)) and set(picture.unique().tolist()) <= {0.0, 1.0}
    return picture[0].bool()


def outline_of(filled):
    """Pixels of a filled area with a neighbour outside of it, side by side or one above the other."""
    padded = torch.nn.functional.pad(filled, (1, 1, 1, 1))
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return filled & ~inner


FLAT = dataclasses.replace(orbit_camera(0.0, 0.0, 2.0, 50.0), projection="orthographic", window=(-1, 1, -1, 1))


@pytest.mark.parametrize("camera", [FLAT, orbit_camera(0.0, 0.0, 2.0, 50.0)], ids=["parallel", "perspective"])
def test_edges_are_the_outline_and_creases_as_lines_of_one_pixel(camera):
    def seen(corners, triangles, camera=camera):
        return closeness(torch.as_tensor(corners).double(), torch.as_tensor(triangles), camera, 24).isfinite()

    box = block((0, 0, 0), (0.5, 0.5, 0.5))
    assert torch.equal(drawn_edges(*box, camera), outline_of(seen(*box)))
    # Turned by 45 degrees its two sides meet in the middle.
    turned = dataclasses.replace(orbit_camera(45.0, 0.0, 2.0, 50.0), projection=camera.projection, window=camera.window)
    inside = drawn_edges(*box, turned) & ~outline_of(seen(*box, turned))
    rows = inside.any(dim=1)
    assert rows.sum() >= 8 and (inside.sum(dim=1)[rows] == 1).all() and inside.any(dim=0).sum() == 1
    # A floor that runs away from the camera is no edge, however fast it does.
    floor = np.array([[-9.0, -1, -0.3], [9, -1, -0.3], [-9, 30, -0.3], [9, 30, -0.3]]), np.array([[0, 1, 2], [1, 3, 2]])
    above = dataclasses.replace(orbit_camera(0.0, 10.0, 2.0, 50.0), projection=camera.projection, window=camera.window)
    assert not (drawn_edges(*floor, above) & ~outline_of(seen(*floor, above))).any()


def test_what_stands_before_something_of_the_same_slope_has_an_outline():
    (front, triangles), (back, more) = block((0, -0.5, 0), (0.3, 0.1, 0.3)), block((0, 0.5, 0), (0.8, 0.1, 0.8))
    both = np.concatenate([front, back]), np.concatenate([triangles, more + 8])
    lines = drawn_edges(*both, FLAT)
    shapes = [closeness(torch.as_tensor(c).double(), torch.as_tensor(triangles), FLAT, 24) for c in (front, back)]
    expected = outline_of(shapes[0].isfinite()) | outline_of(shapes[1].isfinite())
    assert torch.equal(lines, expected)


def test_a_fine_sphere_has_no_edges_but_its_outline():
    angles = np.linspace(0, np.pi, 25)[:, None], np.linspace(0, 2 * np.pi, 49)[None, :]
    grid = np.stack(
        np.broadcast_arrays(
            np.sin(angles[0]) * np.cos(angles[1]), np.sin(angles[0]) * np.sin(angles[1]), np.cos(angles[0])
        ),
        axis=-1,
    )
    number = np.arange(25 * 49).reshape(25, 49)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    corners = 0.7 * grid.reshape(-1, 3)
    camera = orbit_camera(20.0, 15.0, 2.5, 50.0)
    filled = closeness(torch.as_tensor(corners), torch.as_tensor(triangles), camera, 64).isfinite()
    lines, inner = drawn_edges(corners, triangles, camera, 64), filled
    assert (lines | ~outline_of(filled)).all()
    # At the rim its normals turn by more than a crease's angle from pixel to pixel.
    for _ in range(3):
        inner = inner & ~outline_of(inner)
    assert inner.sum() > 300 and not (lines & inner).any()


@pytest.fixture(scope="module")
def controlled(tiny_pipeline, tmp_path_factory):
    """A tiny model, and a ControlNet for it."""
    model = tiny_pipeline("v_prediction")
    return model, save_control(tmp_path_factory.mktemp("depth"), model)


@pytest.fixture
def job(controlled, tmp_path):
    """`job(name)`: a folder of a job with a guide, whose settings may be changed."""

    def make(name, *, control=None, guide=None, steps=6, **settings):
        model, network = controlled
        folder = tmp_path / name
        folder.mkdir()
        digest = write(folder / "guide.npz", *a_shape())
        spec = presets.new_job(
            "a red chair",
            model={"source": str(model), "control": str(control or network)},
            field={"resolution": 12},
            outputs={"colour_views": 4, "mesh": False},
            guide=dataclasses.replace(guide or GuideSpec(""), digest=digest),
            optimisation={"guidance_scale": 3.0, "emptiness_weight": 0, "steps": steps, **settings},
        )
        return JobFolder.create(folder, spec)

    return make


def run(folder, cancelled=lambda: False):
    run_job(folder, lambda event: None, cancelled)
    return folder


def field_of(folder):
    with np.load(folder.result / "field.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


@pytest.mark.parametrize("family", ["stable_diffusion", "stable_diffusion_xl"])
def test_what_the_network_adds_is_what_it_adds_in_diffusers_own_pipeline(family, tmp_path):
    folder = save_family(family, tmp_path / "model")
    control = save_control(tmp_path / "control", folder)
    model = load_score_model(ModelSpec(str(folder), device="cpu", control=str(control)))
    guide = Guide(*tensors(*a_shape()), GuideSpec("", 0.7), "depth", model.sample_size * model.control_pixels, CPU)
    camera = orbit_camera(30.0, 20.0, 2.0, 55.0)
    picture = guide.seen_by(camera)
    assert picture.shape == (3, 16, 16) and 0.1 < float((picture > 0).float().mean()) < 0.9

    kind = StableDiffusionXLControlNetPipeline if family.endswith("xl") else StableDiffusionControlNetPipeline
    pipeline = kind(
        **{name: part for name, part in model._pipeline.components.items() if name != "controlnet"},
        controlnet=model._pipeline.controlnet,
        **({} if family.endswith("xl") else {"requires_safety_checker": False}),
    )
    asked = []
    unet = pipeline.unet.forward

    def recorded(sample, timestep, **told):
        output = unet(sample, timestep, **told)
        asked.append((sample, int(timestep), told, output[0]))
        return output

    pipeline.unet.forward = recorded
    pipeline(
        "a red chair",
        image=picture[None],
        num_inference_steps=2,
        guidance_scale=3.0,
        controlnet_conditioning_scale=0.7,
        generator=torch.Generator().manual_seed(0),
        output_type="latent",
        height=16,
        width=16,
    )
    theirs, asked[:] = list(asked), []
    embeddings = model.encode(["a red chair", ""])
    if family.endswith("xl"):
        embeddings = model.encode(["a red chair"]).repeat(2, 1)
    condition = Condition(embeddings[:1], embeddings[1:], 3.0)
    for sample, timestep, told, _output in theirs:
        scale = 1 / (1 + model.sigmas[timestep] ** 2) ** 0.5
        (steered,) = guide.steer([condition], [camera])
        model.denoise((sample[:1] / scale).float(), timestep, steered)
        mine = asked.pop()
        torch.testing.assert_close(mine[0], sample, atol=1e-5, rtol=1e-5)
        names = ("down_block_additional_residuals", "mid_block_additional_residual")
        ours, others = ([*pair[2][names[0]], pair[2][names[1]]] for pair in (mine, (0, 0, told)))
        assert len(ours) == len(others) == 5
        for one, other in zip(ours, others, strict=True):
            # Theirs has the negative first too; XL's empty text is zeros, so the positive half is compared.
            torch.testing.assert_close(one[1:], other[1:], atol=1e-4, rtol=1e-4)
            assert float(one.abs().max()) > 0


@pytest.mark.parametrize("picture", ["depth", "normal", "canny"])
def test_in_every_step_the_network_sees_the_picture_from_that_steps_camera(job, monkeypatch, picture):
    folder = job("job", guide=GuideSpec("", picture=picture), views=2, noises=2)
    seen, cameras = [], []
    steer = Guide.steer

    def watched(self, conditions, viewed):
        cameras.append(viewed)
        return steer(self, conditions, viewed)

    monkeypatch.setattr(Guide, "steer", watched)
    import diffusers

    forward = diffusers.ControlNetModel.forward

    def recorded(self, *arguments, **told):
        seen.append(told["controlnet_cond"])
        return forward(self, *arguments, **told)

    monkeypatch.setattr(diffusers.ControlNetModel, "forward", recorded)
    run(folder)
    assert len(seen) == len(cameras) == 6
    for pictures, views in zip(seen, cameras, strict=True):
        # Two noises of each of two views, and all of it for the negative and the positive.
        expected = [drawn_by_rays(picture, view) for view in views for _noise in range(2)] * 2
        assert len({view.pose for view in views}) == 2
        for shown, drawn in zip(pictures, expected, strict=True):
            wrong = ((shown - drawn).abs() > 1e-4).any(dim=0)
            assert shown.shape == drawn.shape and drawn.any() and wrong.sum() <= 6


def drawn_by_rays(picture, camera):
    """A picture of the shape by rays [3, 16, 16]; its edges from the depth and normals that they meet."""
    depth, normals = cast_with_normals(camera, *a_shape(), 16)
    seen = np.isfinite(depth)
    if picture == "normal":
        colours = np.where(seen[..., None], 0.5 + 0.5 * normals * (-1, 1, 1), (0.5, 0.5, 1.0))
        return torch.from_numpy(colours).float().permute(2, 0, 1)
    if picture == "canny":
        near = torch.from_numpy(1 / depth).where(torch.from_numpy(seen), -torch.inf)
        return edge_picture(near, torch.from_numpy(normals), camera).expand(3, -1, -1)
    near, far = 1 / depth.min(), 1 / depth[seen].max()
    grey = FARTHEST + (1 - FARTHEST) * (1 / depth - far) / (near - far)
    return torch.from_numpy(np.where(seen, grey, 0)).float().expand(3, -1, -1)


@pytest.mark.parametrize(
    ("source", "picture"),
    [
        ("lllyasviel/control_v11f1p_sd15_depth", "depth"),
        ("lllyasviel/control_v11p_sd15_normalbae", "normal"),
        ("diffusers/controlnet-canny-sdxl-1.0", "canny"),
        ("C:\\depth nets\\Canny\\", "canny"),
        ("/depth/mine", None),
        ("normal-and-depth", None),
        ("lllyasviel/control_v11p_sd15_openpose", None),
    ],
)
def test_the_picture_is_the_one_that_the_networks_name_tells(source, picture):
    assert guide_picture_of("auto", source) == picture and guide_picture_of("normal", source) == "normal"
    wanted = {"model": {"source": "some/model", "control": source}, "guide": GuideSpec("x")}
    if picture is None:
        with pytest.raises(InvalidSpec, match=r"model\.control.*depth, normal or canny; else choose guide\.picture"):
            presets.new_job("a red chair", **wanted)
        wanted["guide"] = GuideSpec("x", picture="canny")
    assert presets.new_job("a red chair", **wanted).guide == wanted["guide"]


def test_a_network_that_adds_nothing_gives_the_job_without_it_and_one_that_does_another(job, controlled, tmp_path):
    model, _network = controlled
    silent = run(job("silent", control=save_control(tmp_path / "depth", model, silent=True)))
    steered, weak = run(job("steered")), run(job("weak", guide=GuideSpec("", strength=0.3)))
    plain = silent.read_spec()
    plain = dataclasses.replace(plain, guide=None, model=dataclasses.replace(plain.model, control=""))
    without = run(JobFolder.create(tmp_path / "plain", plain))
    assert same(field_of(without), field_of(silent))
    assert not same(field_of(without), field_of(steered))
    assert not same(field_of(weak), field_of(steered))


def test_it_acts_within_its_noise_levels_alone(job, tmp_path):
    guide = Guide(*tensors(*a_shape()), GuideSpec("", levels=(0.25, 0.5)), "depth", 16, CPU)
    assert [guide.acts_at(timestep, 1000) for timestep in (0, 249, 250, 499, 500, 999)] == [0, 0, 1, 1, 0, 0]
    never = run(job("never", guide=GuideSpec("", levels=(0.0, 0.0)), timesteps=(10, 900)))
    plain = dataclasses.replace(
        never.read_spec(), guide=None, model=dataclasses.replace(never.read_spec().model, control="")
    )
    assert same(field_of(run(JobFolder.create(tmp_path / "plain", plain))), field_of(never))


def test_a_stopped_job_goes_on_bit_by_bit_with_its_guide(job):
    whole, stopped = run(job("whole")), job("stopped")
    steps = iter([False, False, True])
    run(stopped, lambda: next(steps))
    assert same(field_of(run(stopped)), field_of(whole))


def test_a_checkpoint_belongs_to_its_guide_and_one_without_to_every_release(job):
    spec = job("job").read_spec()
    other = dataclasses.replace(spec, guide=dataclasses.replace(spec.guide, digest="0" * 64))
    assert checkpoint.settings_digest(spec) != checkpoint.settings_digest(other)
    # As it was before there were guides.
    digest = "b17fc73948c38fb155eb92aebb3106550f3b22ec6028f5a37129c2c9eac93852"
    assert checkpoint.settings_digest(JobSpec("a red chair")) == digest


def test_a_guide_and_its_network_come_together(controlled):
    model, network = controlled
    for told, word in (
        ({"model": {"source": str(model), "control": str(network)}}, "model.control"),
        ({"model": str(model), "guide": GuideSpec("x")}, "model.control"),
    ):
        with pytest.raises(InvalidSpec) as caught:
            presets.new_job("a red chair", **told)
        assert [fault.field for fault in caught.value.faults] == [word]


@pytest.mark.parametrize(
    "bad", [{"strength": 0.0}, {"strength": float("nan")}, {"levels": (0.6, 0.2)}, {"levels": (0.0, 1.5)}]
)
def test_strength_and_levels_are_judged(controlled, bad):
    model, network = controlled
    wanted = {"digest": "", **bad}
    with pytest.raises(InvalidSpec, match=f"guide.{next(iter(bad))}"):
        presets.new_job("a red chair", model={"source": str(model), "control": str(network)}, guide=wanted)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cross_attention_dim": 24}, "cross_attention_dim, is 24, and the model's 16"),
        ({"conditioning_channels": 1}, "takes pictures of 1 channels"),
        ({"in_channels": 9}, "in_channels, is 9"),
        ({"block_out_channels": (8, 24)}, "block_out_channels"),
        ({"layers_per_block": 2}, "layers_per_block"),
        (
            {"conditioning_embedding_out_channels": (8, 8, 8)},
            "one sample for 4 pixels along a side, and the model for 2",
        ),
        ({"global_pool_conditions": True}, "does not follow the places"),
    ],
)
def test_a_network_for_another_model_is_refused(controlled, tmp_path, changes, words):
    model, _network = controlled
    control = save_control(tmp_path / "control", model, **changes)
    refused("control_mismatch", words, ModelSpec(str(model), device="cpu", control=str(control)))


def refused(code, words, model):
    with pytest.raises(SjcError) as caught:
        load_score_model(model)
    assert caught.value.code == code and words in caught.value.message
    return caught.value


@pytest.mark.parametrize("family", ["stable_diffusion_3", "ddpm", "deepfloyd_if"])
def test_families_without_control_networks_say_so(family, tmp_path, controlled):
    folder = save_family(family, tmp_path / "model")
    error = refused(
        "unsupported_control", "take no ControlNet", ModelSpec(str(folder), device="cpu", control=str(controlled[1]))
    )
    assert "Stable Diffusion 1, 2 or XL" in error.hint


def test_what_is_no_control_network_is_refused(controlled, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    model, network = controlled
    control = save_control(tmp_path / "control", model)
    weights = control / "diffusion_pytorch_model.safetensors"

    def spec(source):
        return ModelSpec(str(model), device="cpu", control=str(source))

    refused("unknown_control", "was not found", spec(tmp_path / "nowhere"))
    error = refused("unknown_control", "Hugging Face cache has no such id", spec("someone/depth"))
    assert "models download someone/depth" in error.hint
    refused("unsupported_control", "is a file", spec(weights))
    refused("unsupported_control", "no config.json", spec(model))
    config = json.loads((control / "config.json").read_text())
    (control / "config.json").write_text(json.dumps({**config, "_class_name": "ControlNetUnionModel"}))
    refused("unsupported_control", "ControlNetUnionModel", spec(control))
    (control / "config.json").write_text(json.dumps({**config, "layers_per_block": 10**9}))
    refused("broken_model", "layers_per_block", spec(control))
    (control / "config.json").write_text(json.dumps(config))
    weights.rename(control / "diffusion_pytorch_model.bin")
    refused("pickled_weights", "pickle", spec(control))
    weights.symlink_to(network / "diffusion_pytorch_model.safetensors")
    refused("unsafe_model", "leads out", spec(control))
    weights.unlink()
    weights.write_bytes((network / "diffusion_pytorch_model.safetensors").read_bytes()[:-64])
    refused("broken_model", str(control), spec(control))


def test_an_id_of_the_local_cache_names_a_control_network(controlled, tmp_path, monkeypatch):
    model, network = controlled
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--depth"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    for file in network.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    loaded = load_score_model(ModelSpec(str(model), device="cpu", control="someone/depth"))
    assert loaded.control_pixels == 2


def test_the_forecast_counts_the_network_and_the_guide(job):
    spec = job("job").read_spec()
    without = dataclasses.replace(spec, guide=None, model=dataclasses.replace(spec.model, control=""))
    needs, plain = needs_of(spec, CPU), needs_of(without, CPU)
    network = load_score_model(spec.model)._pipeline.controlnet
    held = sum(parameter.numel() * 4 for parameter in network.parameters())
    assert needs.networks[CONTROL].weights == pytest.approx(held, rel=0.01)
    assert needs.weights == plain.weights + needs.networks[CONTROL].weights
    assert needs.denoising > plain.denoising and needs.render > plain.render


def test_the_files_of_a_guide_are_read_as_a_strangers(tmp_path):
    vertices, triangles = a_shape()
    path = tmp_path / "guide.npz"
    digest = write(path, vertices, triangles)
    read = read_guide(path, digest)
    assert np.array_equal(read[0].numpy().astype(np.float32), vertices) and np.array_equal(read[1].numpy(), triangles)
    with pytest.raises(SjcError, match="is not the one that the job was made with"):
        read_guide(path, "0" * 64)
    far = vertices.copy()
    far[3, 1] = np.nan
    for arrays in (
        (far, triangles),
        (vertices, triangles + 9),
        (vertices, triangles - 1),
        (vertices, triangles[:0]),
        (vertices[:, :2].copy(), triangles),
        (vertices.astype(np.float64), triangles),
        (vertices, triangles.astype(np.int64)),
    ):
        own = write(path, *arrays)
        with pytest.raises(SjcError) as caught:
            read_guide(path, own)
        assert caught.value.code == "guide_missing"
    np.savez(path, version=1, vertices=vertices, triangles=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(SjcError, match="cannot be read"):
        read_guide(path, digest)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.npz")
    write(tmp_path / "elsewhere.npz", vertices, triangles)
    with pytest.raises(SjcError):
        read_guide(path, digest)


def test_a_guide_is_a_file_of_its_job(job):
    folder = job("job")
    assert folder.guide in folder.inputs and folder.guide in folder.own_files()
    assert folder.delete() == [] and not folder.path.exists()
    spec = JobSpec("a red chair", guide=GuideSpec("x"))
    assert codec.decode(JobSpec, codec.encode(spec)) == (spec, [])


def test_a_camera_that_sees_nothing_of_the_guide_is_told_so():
    away = Camera("away", orbit_camera(0.0, 0.0, 3.0, 40.0).pose, (2.0, 2.5, 2.0, 2.5))
    guide = Guide(*tensors(*a_shape()), GuideSpec(""), "depth", 16, CPU)
    assert not guide.seen_by(away).any()
