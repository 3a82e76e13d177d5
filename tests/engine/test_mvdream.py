"""MVDream: four views of a ring at once, told their cameras, on a stock U-Net; nothing of a folder's code is run."""

import dataclasses
import json
import math
import shutil

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from safetensors.torch import load_file, save_file

from sjc_blender.engine.cameras.viewpoints import orbit_camera, ring_through, sample_viewpoints, viewpoint_of
from sjc_blender.engine.commands import cli
from sjc_blender.engine.optimisation.estimator import joined_conditions
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.mvdream import camera_numbers
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.memory import memory_levels
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import CameraRig, GuideSpec, ModelSpec, OrbitRig
from tests.engine.tiny_families import save_family

TIMESTEP = 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_family("mvdream", tmp_path_factory.mktemp("mvdream") / "model")


@pytest.fixture
def model(folder):
    return load(folder)


def load(folder):
    return load_score_model(ModelSpec(str(folder), device="cpu"))


def noisy(model, count, seed=0):
    shape = (count, model.channels, model.sample_size, model.sample_size)
    return 5.0 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def ring(azimuth=20.0, elevation=15.0):
    first = viewpoint_of(orbit_camera(azimuth, elevation, 2.5, 40.0))
    return [view.camera for view in ring_through(first, 4)]


def condition_of(model, cameras, count=1, scale=5.0):
    """What a ring is asked for, `count` samples a view."""
    embeddings = model.encode(["a red chair", "blurry"])
    plain = Condition(embeddings[:1], embeddings[1:], scale)
    return joined_conditions([model.seen_from(plain, camera) for camera in cameras], count, neighbours=True)


def stock(model, z, cameras, text="a red chair"):
    """D of a U-Net of diffusers as it comes, told each camera as a class is told."""
    unet = model._pipeline.unet
    ours = unet.attn_processors
    unet.set_attn_processor(AttnProcessor2_0())
    tokens = model._pipeline.encode_prompt([text], "cpu", 1, False)[0]
    sigma = float(model.sigmas[TIMESTEP])
    with torch.no_grad():
        noise = unet(
            z / math.sqrt(1 + sigma**2),
            TIMESTEP,
            encoder_hidden_states=tokens.expand(len(z), -1, -1),
            class_labels=torch.stack([camera_numbers(camera) for camera in cameras]),
        ).sample
    unet.set_attn_processor(ours)
    return z - sigma * noise


def test_one_view_is_seen_as_a_plain_u_net_sees_it(model):
    (camera, *_) = ring()
    z = noisy(model, 1)
    ours = model.denoise(z, TIMESTEP, condition_of(model, [camera], scale=1.0))
    torch.testing.assert_close(ours, stock(model, z, [camera]), atol=1e-4, rtol=0)


def test_four_views_are_seen_together_as_one_long_picture_is(model, monkeypatch):
    """Beside a self-attention over the tokens of all views that is written out here."""
    z, cameras = noisy(model, 4), ring()
    ours = model.denoise(z, TIMESTEP, condition_of(model, cameras, scale=1.0))

    def joint(attention):
        def forward(hidden_states, encoder_hidden_states=None, **_options):
            assert encoder_hidden_states is None
            tokens = torch.cat(list(hidden_states))
            q, k, v = (
                layer(tokens).unflatten(1, (attention.heads, -1)).transpose(0, 1)
                for layer in (attention.to_q, attention.to_k, attention.to_v)
            )
            weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]), dim=-1)
            return attention.to_out[0]((weights @ v).transpose(0, 1).flatten(1)).view_as(hidden_states)

        return forward

    attentions = [part for name, part in model._pipeline.unet.named_modules() if name.endswith(".attn1")]
    assert len(attentions) == 4
    for attention in attentions:
        monkeypatch.setattr(attention, "forward", joint(attention))
    torch.testing.assert_close(ours, stock(model, z, cameras), atol=1e-4, rtol=0)


def test_the_order_of_a_rings_views_does_not_matter(model):
    z, cameras = noisy(model, 4), ring()
    straight = model.denoise(z, TIMESTEP, condition_of(model, cameras))
    order = [2, 0, 3, 1]
    turned = model.denoise(z[order], TIMESTEP, condition_of(model, [cameras[i] for i in order]))
    torch.testing.assert_close(turned, straight[order], atol=1e-4, rtol=0)


def test_views_of_a_ring_know_of_each_other_and_rings_do_not(model):
    cameras = ring()
    condition = condition_of(model, cameras, 2)
    z = noisy(model, 8)
    before = model.denoise(z, TIMESTEP, condition)
    z[1] += 1.0
    changed = (model.denoise(z, TIMESTEP, condition) - before).abs().amax(dim=(1, 2, 3))
    assert bool((changed[:4] > 1e-3).all())
    assert changed[4:].tolist() == [0.0] * 4


def test_a_camera_is_told_by_its_matrix_from_the_distance_one():
    """Z up, azimuth 0 on -Y, looking along -Z: the matrix that Blender shows of a camera there."""
    front = [1, 0, 0, 0, 0, 0, -1, -1, 0, 1, 0, 0, 0, 0, 0, 1]
    left = [0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    for azimuth, expected in ((0.0, front), (90.0, left)):
        numbers = camera_numbers(orbit_camera(azimuth, 0.0, 2.5, 40.0))
        torch.testing.assert_close(numbers, torch.tensor(expected, dtype=torch.float32), atol=1e-6, rtol=0)
    above = camera_numbers(orbit_camera(0.0, 30.0, 1.3, 20.0)).view(4, 4)
    torch.testing.assert_close(above[:3, 3], torch.tensor([0.0, -math.sqrt(0.75), 0.5]))


def test_the_embedding_of_the_camera_is_that_of_the_folders_own_tensors(model, folder):
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    numbers = torch.stack([camera_numbers(camera) for camera in ring()])
    hidden = torch.nn.functional.silu(numbers @ weights["camera_embed.0.weight"].T + weights["camera_embed.0.bias"])
    expected = hidden @ weights["camera_embed.2.weight"].T + weights["camera_embed.2.bias"]
    torch.testing.assert_close(model._pipeline.unet.class_embedding(numbers), expected)


def test_every_tensor_of_the_folder_is_in_the_network(model, folder):
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    ours = model._pipeline.unet.state_dict()
    assert sorted(float(t.double().sum()) for t in weights.values()) == sorted(
        float(t.double().sum()) for t in ours.values()
    )


def test_a_steps_views_stand_evenly_around_the_object():
    rig = OrbitRig(elevation=(0.0, 30.0), distance=(2.0, 3.0), field_of_view=(30.0, 50.0))
    views = sample_viewpoints(rig, 8, torch.Generator().manual_seed(3), 4)
    for one in (views[:4], views[4:]):
        first = one[0]
        for index, view in enumerate(one):
            assert (view.azimuth - first.azimuth - 90.0 * index) % 360.0 == pytest.approx(0.0, abs=1e-9)
            assert -180.0 <= view.azimuth < 180.0
            again = viewpoint_of(view.camera)
            assert (again.azimuth - view.azimuth + 180.0) % 360.0 == pytest.approx(180.0, abs=1e-6)
            assert again.elevation == pytest.approx(first.elevation)
            assert view.elevation == first.elevation
            assert view.camera.window == first.camera.window
            eye = [row[3] for row in view.camera.pose[:3]]
            assert math.hypot(*eye) == pytest.approx(math.hypot(*(row[3] for row in first.camera.pose[:3])))
    assert views[0].elevation != views[4].elevation
    with pytest.raises(ValueError, match="3 views are no rings of 4"):
        sample_viewpoints(rig, 3, torch.Generator(), 4)


def new_spec(folder, **options):
    optimisation = {"steps": 3, **options.pop("optimisation", {})}
    return presets.new_job(
        "a red chair", model={"source": str(folder), "device": "cpu"}, field={"resolution": 10},
        optimisation=optimisation, **options,
    )  # fmt: skip


def test_the_four_views_of_a_step_enter_the_network_as_one_batch(model, folder, monkeypatch):
    spec = new_spec(folder, optimisation={"noises": 2})
    assert (spec.optimisation.views, spec.cameras.kind) == (4, "orbit")
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(str(folder)), model))
    calls, cameras = [], []
    forward, render = model._pipeline.unet.forward, sjc._render
    monkeypatch.setattr(model._pipeline.unet, "forward", lambda *a, **o: (calls.append((a, o)), forward(*a, **o))[1])
    monkeypatch.setattr(sjc, "_render", lambda scenes, seen: (cameras.append(seen), render(scenes, seen))[1])
    sjc.advance()
    (((seen, _timestep), options),) = calls
    assert len(cameras[0]) == 4
    told = torch.stack([camera_numbers(camera) for camera in cameras[0]])
    # Two noises, each of one ring, for what is wanted and for what guidance leads away from.
    torch.testing.assert_close(options["class_labels"], told.repeat(4, 1))
    views, again = seen[:8].unflatten(0, (2, 4)), seen[8:].unflatten(0, (2, 4))
    assert torch.equal(views, again)
    # The renders of the first step are alike; a view's two noises differ.
    assert not torch.equal(views[0], views[1])


def test_a_ring_is_not_parted_where_memory_is_short(model, monkeypatch):
    z, condition = noisy(model, 8), condition_of(model, ring(), 2)
    whole = model.denoise(z, TIMESTEP, condition)
    counts = []
    run = model._run_unet
    monkeypatch.setattr(model, "_run_unet", lambda seen, *rest: (counts.append(len(seen)), run(seen, *rest))[1])
    for allowed, expected in ((1, [4] * 4), (7, [4] * 4), (9, [8] * 2)):
        counts.clear()
        model.place(dataclasses.replace(memory_levels()[0], samples_at_once=allowed))
        torch.testing.assert_close(model.denoise(z, TIMESTEP, condition), whole, atol=1e-4, rtol=0)
        assert counts == expected


CAMERAS = CameraRig((orbit_camera(0.0, 0.0, 2.5, 40.0),))


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("optimisation.views", {"optimisation": {"views": 2}}),
        ("optimisation.perp_neg_weight", {"optimisation": {"perp_neg_weight": 1.0}}),
        ("cameras.azimuth", {"cameras": OrbitRig(azimuth=(-60.0, 60.0))}),
        ("cameras.kind", {"cameras": CAMERAS}),
        ("guide", {"guide": GuideSpec("0" * 64)}),
    ],
)
def test_what_a_ring_cannot_do_is_refused_by_name_before_the_model_is_loaded(folder, field, options):
    with pytest.raises(InvalidSpec) as caught:
        new_spec(folder, **options)
    told = {fault.field: fault.allowed for fault in caught.value.faults}
    assert "4 views around the object at once" in told[field]


@pytest.fixture
def changed(folder, tmp_path):
    """A copy of the model whose network's configuration or weights are changed."""

    def change(config=None, tensors=None):
        copy = shutil.copytree(folder, tmp_path / "changed")
        file = copy / "unet" / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **(config or {})}))
        weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
        save_file({**load_file(weights), **(tensors or {})}, weights)
        return copy

    return change


@pytest.mark.parametrize(
    ("config", "tensors", "code", "told"),
    [
        ({"ip_dim": 16}, {}, "unsupported_pipeline", "takes a picture beside the prompt"),
        ({"_class_name": "UNet2DConditionModel"}, {}, "unsupported_pipeline", "MultiViewUNetModel"),
        ({"camera_dim": 12}, {}, "broken_model", "'camera_dim'"),
        ({"camera_dim": None}, {}, "broken_model", "'camera_dim'"),
        ({"channel_mult": [1, 10**6]}, {}, "broken_model", "'channel_mult'"),
        ({"model_channels": True}, {}, "broken_model", "'model_channels'"),
        ({"attention_resolutions": "all"}, {}, "broken_model", "'attention_resolutions'"),
        ({"context_dim": 32}, {}, "broken_model", "cannot be loaded"),
        ({}, {"camera_embed.0.weight": torch.zeros(128, 12)}, "broken_model", "cannot be loaded"),
        ({}, {"image_embed.latents": torch.zeros(1)}, "broken_model", "1 of its"),
    ],
)
def test_another_network_is_refused(changed, config, tensors, code, told):
    with pytest.raises(SjcError) as caught:
        load(changed(config, tensors))
    assert caught.value.code == code
    assert told in caught.value.message


def test_pickled_weights_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "pickled")
    (copy / "unet" / "diffusion_pytorch_model.safetensors").rename(copy / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(SjcError) as caught:
        load(copy)
    assert caught.value.code == "pickled_weights"


def test_samples_in_2d_are_whole_rings(folder, tmp_path, capsys):
    pictures = tmp_path / "ring.png"
    command = ["sample2d", "--model", str(folder), "--device", "cpu", "--prompt", "a red chair", "--steps", "2"]
    assert cli.main([*command, "--out", str(pictures)]) == 0
    assert pictures.stat().st_size > 0
    for options in (["--count", "3"], ["--sampler", "paas"]):
        assert cli.main([*command, "--out", str(pictures), *options]) == 1
        assert "4 views around the object at once" in capsys.readouterr().err
