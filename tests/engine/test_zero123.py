"""Zero-1-to-3: a picture and a relative camera into a U-Net; nothing of a folder's code is run."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from PIL import Image
from safetensors.torch import load_file, save_file

from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.engine.commands import cli
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.optimisation.starting_point import prepare
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.engine.score_models.zero123 import relative_camera
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.picture import picture_digest
from sjc_blender.protocol.spec import Camera, ModelSpec, PictureSpec
from tests.engine.tiny_families import save_family

PIXELS = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
DIGEST = picture_digest(16, 16, PIXELS.tobytes())
ELEVATION = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_family("zero123", tmp_path_factory.mktemp("zero123") / "model")


def load(folder):
    return load_score_model(ModelSpec(str(folder), device="cpu"))


@pytest.fixture
def model(folder):
    return load(folder)


def shown(model, pixels=PIXELS, size=8):
    model.show_picture(pixels, ELEVATION, size)
    return model


def new_spec(folder, **options):
    options = {"picture": PictureSpec(DIGEST, elevation=ELEVATION), **options}
    return presets.new_job(
        "",
        model={"source": str(folder), "device": "cpu"},
        field={"resolution": 10},
        optimisation={"steps": 3},
        **options,
    )


def test_a_camera_is_told_beside_the_pictures_own():
    """Polar angle beyond the picture's, sine and cosine of the azimuth, and how much farther away, with its lens."""

    def told(azimuth, elevation, distance=3.7, lens=49.1):
        return relative_camera(orbit_camera(azimuth, elevation, distance, lens), ELEVATION).tolist()

    assert told(0, ELEVATION) == pytest.approx([0, 0, 1, 0], abs=1e-6)
    assert told(90, ELEVATION) == pytest.approx([0, 1, 0, 0], abs=1e-6)
    assert told(-30, ELEVATION) == pytest.approx([0, -0.5, math.sqrt(0.75), 0], abs=1e-6)
    # From higher up its angle from above is smaller.
    assert told(180, 40) == pytest.approx([-math.pi / 6, 0, -1, 0], abs=1e-6)
    assert told(0, ELEVATION, distance=4.3) == pytest.approx([0, 0, 1, 0.3], abs=1e-6)
    # Half as much is seen: as from half as far away.
    half = 2 * math.degrees(math.atan(math.tan(math.radians(49.1 / 2)) / 2))
    assert told(0, ELEVATION, lens=half) == pytest.approx([0, 0, 1, -3.7 / 4], abs=1e-6)
    seen = 3.7 * math.tan(math.radians(49.1 / 2))
    front = orbit_camera(0, 0, 9.0, 40)
    parallel = Camera("parallel", front.pose, (-seen, seen, -seen, seen), "orthographic")
    assert relative_camera(parallel, 0.0).tolist() == pytest.approx([0, 0, 1, 0], abs=1e-6)


def reference(model, folder, z, timestep, azimuth, elevation, scale):
    """One step of Zero-1-to-3's own pipeline, written out: its clean sample, from the folder's own files."""
    pipeline = model._pipeline
    weights = load_file(folder / "clip_camera_projection" / "diffusion_pytorch_model.safetensors")
    image = torch.from_numpy(PIXELS.astype(np.float32) / 255).permute(2, 0, 1)[None] * 2 - 1
    with torch.no_grad():
        latents = pipeline.vae.encode(image).latent_dist.mean
        small = torch.nn.functional.interpolate(image, (12, 12), mode="bicubic", align_corners=True)
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
        clip = pipeline.image_encoder(((small + 1) / 2 - mean) / std).image_embeds
        turn = math.radians(azimuth)
        pose = torch.tensor([[math.radians(ELEVATION - elevation), math.sin(turn), math.cos(turn), 0.0]])
        token = torch.cat([clip, pose], 1) @ weights["proj.weight"].T + weights["proj.bias"]
        scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
        alpha_bar = scheduler.alphas_cumprod[timestep]
        x = alpha_bar.sqrt() * z
        noise = pipeline.unet(
            torch.cat([torch.cat([x, x]), torch.cat([torch.zeros_like(latents), latents])], dim=1),
            timestep,
            encoder_hidden_states=torch.cat([torch.zeros_like(token), token])[:, None],
        ).sample
        nothing, wanted = noise.chunk(2)
        guided = nothing + scale * (wanted - nothing)
        scheduler.set_timesteps(1000)
        return scheduler.step(guided, timestep, x).pred_original_sample


@pytest.mark.parametrize("timestep", [20, 250, 500, 800, 960])
def test_a_denoised_sample_is_that_of_the_formats_own_step(model, folder, timestep):
    shown(model)
    spec = new_spec(folder)
    conditioner = conditioner_for(spec, load_profile(str(folder)), model)
    condition = conditioner.at(viewpoint_of(orbit_camera(70.0, 25.0, 3.7, 49.1)))
    assert condition.guidance_scale == spec.optimisation.guidance_scale == 3.0
    sigma = float(model.sigmas[timestep])
    z = math.hypot(1.0, sigma) * torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(timestep))
    ours = model.denoise(z, timestep, condition)
    theirs = reference(model, folder, z, timestep, 70.0, 25.0, 3.0)
    assert float((ours - theirs).abs().max()) < 1e-4 * max(1.0, float(z.abs().max()))


def test_guidance_leads_away_from_no_picture(model):
    shown(model)
    nothing = model.encode([""])
    seen = model.seen_from(_plain(nothing), orbit_camera(0, 0, 3.7, 49.1))
    assert torch.equal(seen.negative, nothing) and not nothing.any()
    assert seen.positive.shape == nothing.shape and seen.positive.any()


def _plain(embedding):
    return Condition(embedding, embedding, 3.0)


@pytest.fixture
def job(folder, tmp_path):
    made = JobFolder.create(tmp_path / "job", new_spec(folder))
    np.savez_compressed(made.picture, pixels=PIXELS)
    return made


def test_a_step_asks_for_the_views_that_its_cameras_see(job, folder, model, monkeypatch):
    spec = job.read_spec()
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(str(folder)), model))
    prepare(sjc, job)
    cameras, tokens, latents = [], [], []
    render, forward = sjc._render, model._pipeline.unet.forward

    def recorded(seen, *rest, **options):
        latents.append(seen[:, 4:])
        tokens.append(options["encoder_hidden_states"])
        return forward(seen, *rest, **options)

    monkeypatch.setattr(sjc, "_render", lambda scenes, seen: (cameras.extend(seen), render(scenes, seen))[1])
    monkeypatch.setattr(model._pipeline.unet, "forward", recorded)
    sjc.advance()
    sjc.advance()
    weights = load_file(folder / "clip_camera_projection" / "diffusion_pytorch_model.safetensors")
    clip, own, _elevation = model._shown
    for camera, token, picture in zip(cameras, tokens, latents, strict=True):
        told = torch.cat([clip[0], relative_camera(camera, ELEVATION)])
        expected = weights["proj.weight"] @ told + weights["proj.bias"]
        torch.testing.assert_close(token, torch.stack([torch.zeros(16), expected])[:, None])
        torch.testing.assert_close(picture, torch.cat([torch.zeros_like(own), own]))


def test_other_sizes_of_renders_are_shown_the_picture_in_their_size(model, folder):
    shown(model, size=12)
    condition = model.seen_from(_plain(model.encode([""])), orbit_camera(0, 0, 3.7, 49.1))
    z = torch.randn(2, 4, 12, 12)
    assert model.denoise(z, 500, condition).shape == z.shape


@pytest.mark.parametrize(
    ("options", "field", "told"),
    [
        ({"picture": None}, "picture", "a picture of the object"),
        ({"picture": PictureSpec(DIGEST, elevation=100.0)}, "picture.elevation", "-90 to 90"),
    ],
)
def test_what_is_missing_is_refused_before_the_model_is_loaded(folder, options, field, told):
    with pytest.raises(InvalidSpec) as caught:
        new_spec(folder, **options)
    assert told in {fault.field: fault.allowed for fault in caught.value.faults}[field]


def test_a_picture_for_a_model_that_takes_none_is_refused():
    with pytest.raises(InvalidSpec, match=r"model\.ip_adapter.*an IP-Adapter"):
        presets.new_job("a red chair", picture=PictureSpec(DIGEST))


def test_an_ip_adapter_for_a_model_that_turns_pictures_is_refused(folder):
    with pytest.raises(InvalidSpec, match=r"model\.ip_adapter.*empty with a model that turns a picture"):
        presets.new_job("", model={"source": str(folder), "ip_adapter": "a.safetensors"}, picture=PictureSpec(DIGEST))


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_both_formats_of_folders_load(copy, folder):
    """Those of the pipeline in diffusers' community call the layer and its tensors otherwise."""
    (copy / "clip_camera_projection").rename(copy / "cc_projection")
    weights = copy / "cc_projection" / "diffusion_pytorch_model.safetensors"
    save_file({name.replace("proj.", "projection."): tensor for name, tensor in load_file(weights).items()}, weights)
    index = json.loads((copy / "model_index.json").read_text())
    del index["clip_camera_projection"]
    index |= {"_class_name": "Zero1to3StableDiffusionPipeline", "cc_projection": ["pipeline_zero1to3", "CCProjection"]}
    (copy / "model_index.json").write_text(json.dumps(index))
    one, other = shown(load(folder)), shown(load(copy))
    camera = orbit_camera(50, 20, 3.7, 49.1)
    conditions = [model.seen_from(_plain(model.encode([""])), camera) for model in (one, other)]
    assert torch.equal(conditions[0].positive, conditions[1].positive)


def change_index(copy, **entries):
    file = copy / "model_index.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def without_the_layer(copy):
    shutil.rmtree(copy / "clip_camera_projection")


def other_layer(copy):
    save_file(
        {"proj.weight": torch.zeros(16, 19)}, copy / "clip_camera_projection" / "diffusion_pytorch_model.safetensors"
    )


def pickled_layer(copy):
    file = copy / "clip_camera_projection" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))


def other_network(copy):
    shutil.rmtree(copy / "unet")
    shutil.copytree(save_family("stable_diffusion", copy.parent / "sd") / "unet", copy / "unet")


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (without_the_layer, "missing_component", "clip_camera_projection"),
        (other_layer, "broken_model", "proj.weight [16, 19]"),
        (pickled_layer, "pickled_weights", "clip_camera_projection"),
        (other_network, "unsupported_pipeline", "takes 4 channels"),
        (lambda copy: change_index(copy, unet=["mine", "UNet"]), "unsupported_pipeline", "'unet'"),
    ],
)
def test_another_model_is_refused(copy, change, code, told):
    change(copy)
    with pytest.raises(SjcError) as caught:
        load(copy)
    assert caught.value.code == code
    assert told in caught.value.message


def test_stable_zero123_is_told_by_its_name(folder, tmp_path):
    with pytest.raises(SjcError, match="otherwise than Zero-1-to-3"):
        load(shutil.copytree(folder, tmp_path / "stable_zero123-diffusers"))


def sampled(folder, out, *options):
    command = ["sample2d", "--model", str(folder), "--device", "cpu", "--steps", "2", "--count", "1"]
    return cli.main([*command, "--out", str(out), *options]), out


def test_samples_in_2d_ask_for_a_picture(folder, tmp_path, capsys):
    assert sampled(folder, tmp_path / "a.png")[0] == 1
    assert "name the picture with --picture" in capsys.readouterr().err
    assert sampled(folder, tmp_path / "a.png", "--picture", str(tmp_path / "none.png"))[0] == 1
    assert "does not exist" in capsys.readouterr().err


def test_samples_in_2d_show_the_picture_and_the_camera(folder, tmp_path):
    half = Image.new("RGBA", (40, 30), (200, 30, 30, 255))
    half.paste((0, 0, 0, 0), (0, 0, 20, 30))
    half.save(tmp_path / "half.png")
    white = Image.new("RGB", (40, 30), (255, 255, 255))
    white.paste((200, 30, 30), (20, 0, 40, 30))
    white.save(tmp_path / "white.png")
    white.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "other.png")
    made = {
        name: sampled(folder, tmp_path / f"{name}-out.png", "--picture", str(tmp_path / file), *more)
        for name, file, more in (
            ("half", "half.png", ()),
            ("white", "white.png", ()),
            ("other", "other.png", ()),
            ("side", "half.png", ("--azimuth", "90")),
            ("above", "half.png", ("--picture-elevation", "60")),
        )
    }
    assert {code for code, _ in made.values()} == {0}
    pixels = {name: Image.open(out).tobytes() for name, (_, out) in made.items()}
    assert pixels["half"] == pixels["white"]
    assert len(set(pixels.values())) == 4


def test_samples_in_2d_of_other_models_take_no_picture(tmp_path, capsys):
    assert sampled("builtin", tmp_path / "a.png", "--prompt", "a red chair", "--picture", "a.png")[0] == 1
    assert "turns no picture into an object" in capsys.readouterr().err
