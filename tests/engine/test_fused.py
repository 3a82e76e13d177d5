"""The fused kernels against the renderer made of PyTorch's operations, which is proven by finite differences."""

import sys
import weakref

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.optimisation.losses import emptiness
from sjc_blender.engine.radiance import marcher
from sjc_blender.engine.radiance.adamax import adamax_for
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.marcher import marches_fused
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.radiance.renderer import WEIGHT_THRESHOLD, render
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import IDENTITY, Camera

pytest.importorskip(
    "warp", reason="warp-lang has no build for this platform; the PyTorch renderer is tested everywhere"
)

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"))]
BOXES = {"cube": (1.0, 1.0, 1.0), "box": (0.5, 1.0, 0.7), "two layers": (0.6, 1.0, 0.07), "one layer": (1.0, 0.8, 0.03)}
PARALLEL = Camera("parallel", IDENTITY, (-1.2, 1.2, -1.2, 1.2), "orthographic")
VIEWS = {
    "around": orbit_camera(35.0, 25.0, 1.5, 60.0),
    "inside": orbit_camera(-150.0, -10.0, 0.3, 70.0),
    "far": orbit_camera(10.0, 70.0, 5.0, 60.0),
    "along an axis": orbit_camera(0.0, 0.0, 1.5, 40.0),
    "parallel": PARALLEL,
}


def fields(extents=BOXES["box"], channels=4, spread=4.0, device="cpu", **options):
    """The same field for the fused kernels, and in float64 for PyTorch's operations."""
    generator = torch.Generator().manual_seed(1)
    fused = VoxelField(extents, 30, channels, renderer="fused", generator=generator, **options)
    with torch.no_grad():
        fused.density_grid.copy_(spread * torch.randn(fused.shape, generator=generator))
        fused.density_scale.fill_(0.3)
        fused.background_texture.texels.copy_(torch.randn(16, channels, generator=generator))
    exact = VoxelField(extents, 30, channels, renderer="torch", **options).double()
    exact.load_state_dict(fused.state_dict())
    return fused.to(device), exact


def objective(rendering):
    """Something of everything that a rendering gives."""
    generator = torch.Generator().manual_seed(2)
    pattern = torch.randn(rendering.image.shape, generator=generator).to(rendering.image)
    return (
        (pattern * rendering.image).sum()
        + (pattern[0] * rendering.depth).sum()
        + (pattern[-1] * rendering.opacity).sum()
        + 1e3 * emptiness(rendering.log_sums, 40.0)
    )


def compare(fused, exact, camera, threshold=0.0, size=(24, 24), scale=10.0, objective=objective):
    """Renderings and gradients of both; the fused one's as far as rounding goes."""
    renderings = [
        render(
            field,
            camera_rays(camera, *size, device=field.density_grid.device, dtype=field.density_grid.dtype),
            weight_threshold=threshold,
            emptiness_scale=scale,
        )
        for field in (fused, exact)
    ]
    for name in ("image", "opacity", "depth", "log_sums"):
        ours, theirs = (getattr(rendering, name).detach().double().cpu() for rendering in renderings)
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")
    ours, theirs = (rendering.weights.detach().double().cpu() for rendering in renderings)
    samples = theirs.shape[1]
    torch.testing.assert_close(ours[:, :samples], theirs, rtol=2e-5, atol=1e-5)
    assert not ours[:, samples:].any()
    for rendering in renderings:
        objective(rendering).backward()
    for (name, ours), theirs in zip(fused.named_parameters(), exact.parameters(), strict=True):
        if theirs.grad is None:
            assert ours.grad is None or not ours.grad.any(), name
            continue
        error = (ours.grad.double().cpu() - theirs.grad).abs().max() / theirs.grad.abs().max().clamp(min=1e-6)
        assert error < 1e-4, f"gradient of {name}: {error:.1e}"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("box", BOXES)
def test_pictures_and_gradients_are_those_of_the_exact_renderer(box, view, device):
    compare(*fields(BOXES[box], device=device), VIEWS[view])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("channels", "pixel_space"), [(3, True), (3, False), (1, False), (16, False)])
def test_any_number_of_channels_and_colours_in_pixel_space(channels, pixel_space, device):
    fused, exact = fields(channels=channels, pixel_space=pixel_space, device=device)
    compare(fused, exact, VIEWS["around"])


@pytest.mark.parametrize(("height", "width"), [(7, 30), (30, 7), (1, 40)])
def test_pixels_of_wide_and_high_images_are_where_they_belong(height, width):
    compare(*fields(), VIEWS["around"], size=(height, width))


@pytest.mark.parametrize("pixel_space", [False, True])
def test_one_colour_behind_the_field_instead_of_its_texture(pixel_space):
    fused, exact = fields(pixel_space=pixel_space)
    colour = torch.tensor([0.3, -0.9, 0.5, 0.1])
    pictures = []
    for field in (fused, exact):
        dtype = field.density_grid.dtype
        scene = field.before(colour.to(dtype))
        pictures.append(render(scene, camera_rays(VIEWS["around"], 24, 24, dtype=dtype), weight_threshold=0))
        objective(pictures[-1]).backward()
    torch.testing.assert_close(pictures[0].image.double(), pictures[1].image, rtol=2e-5, atol=2e-5)
    assert fused.background_texture.texels.grad is None
    error = (fused.density_grid.grad - exact.density_grid.grad).abs().max() / exact.density_grid.grad.abs().max()
    assert error < 1e-4


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [0.0, 10.0, 1e6])
@pytest.mark.parametrize("spread", [0.1, 4.0])
def test_logarithms_of_any_strength(spread, scale, device):
    compare(*fields(spread=spread, device=device), VIEWS["around"], scale=scale)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["weights", "log_sums", "image", "depth", "opacity"])
def test_a_loss_may_ask_for_one_thing_alone(name, device):
    # What nobody asks for has no gradient, not one of zeros.
    compare(*fields(device=device), VIEWS["around"], objective=lambda r: getattr(r, name).square().sum())


def test_a_loss_of_the_image_after_one_of_the_weights_hears_nothing_of_them():
    field, _ = fields()
    found = []
    for first in (True, False):
        field.zero_grad()
        rendering = render(field, camera_rays(VIEWS["around"], 24, 24))
        if first:
            rendering.weights.square().sum().backward(retain_graph=True)
            field.zero_grad()
        rendering.image.sum().backward()
        found.append(field.density_grid.grad)
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("spread", [0.1, 50.0, 1000.0])
def test_haze_and_solid_matter_are_as_exact_as_float32_is(spread):
    # From voxel to voxel between nothing and 1000: rounding a position shows. PyTorch's float32 is the measure.
    fused, exact = fields(spread=spread)
    single = VoxelField(BOXES["box"], 30, 4, renderer="torch")
    single.load_state_dict(fused.state_dict())
    found = []
    for field in (exact, single, fused):
        rays = camera_rays(VIEWS["around"], 24, 24, dtype=field.density_grid.dtype)
        rendering = render(field, rays, weight_threshold=0, emptiness_scale=10.0)
        objective(rendering).backward()
        found.append([rendering.image, rendering.depth, field.density_grid.grad, field.feature_grid.grad])
    for right, theirs, ours in zip(*found, strict=True):
        scale = right.abs().max()
        limit = 5 * (theirs - right).abs().max() / scale + 2e-6
        assert (ours - right).abs().max() / scale < limit


def test_features_of_faint_samples_are_left_out_as_in_the_exact_renderer():
    # A weight may be on the other side of the threshold by rounding: then its feature is missing on one side.
    fused, exact = fields()
    view = VIEWS["around"]
    pictures = [render(f, camera_rays(view, 24, 24, dtype=f.density_grid.dtype)).image.double() for f in (fused, exact)]
    assert (pictures[0] - pictures[1]).abs().max() < 5 * WEIGHT_THRESHOLD
    without = render(exact, camera_rays(view, 24, 24, dtype=torch.float64), weight_threshold=0.2).image
    with_all = render(fused, camera_rays(view, 24, 24), weight_threshold=0.2).image.double()
    assert (with_all - without).abs().mean() < 1e-3 < (pictures[1] - without).abs().mean()


def test_nothing_behind_an_opaque_wall_is_moved():
    fused, exact = fields()
    with torch.no_grad():
        for field in (fused, exact):
            field.density_grid[:, :, :10] = 500.0
    compare(fused, exact, VIEWS["along an axis"])
    assert fused.density_grid.grad[:, :, 20:].abs().max() < 1e-6 * fused.density_grid.grad.abs().max()


def test_the_result_is_the_same_bytes_on_any_number_of_threads():
    gradients = []
    kept = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            fused, _ = fields((1.0, 1.0, 1.0))
            objective(render(fused, camera_rays(VIEWS["around"], 32, 32))).backward()
            gradients.append([fused.density_grid.grad, fused.feature_grid.grad])
    finally:
        torch.set_num_threads(kept)
    for others in gradients[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients[0], others, strict=True))


def test_gradients_of_several_views_add_up():
    fused, exact = fields()
    for field in (fused, exact):
        dtype = field.density_grid.dtype
        for view in ("around", "inside"):
            objective(render(field, camera_rays(VIEWS[view], 16, 16, dtype=dtype), weight_threshold=0)).backward()
    error = (fused.feature_grid.grad - exact.feature_grid.grad).abs().max() / exact.feature_grid.grad.abs().max()
    assert error < 1e-4


def test_rays_that_miss_see_the_background_and_have_no_gradient():
    fused, _ = fields()
    away = Rays(torch.tensor([[0.0, -3.0, 0.0]]), torch.tensor([[0.0, -1.0, 0.0]]), 1, 1)
    rendering = render(fused, away)
    torch.testing.assert_close(rendering.image[:, 0, 0], fused.background(away.directions)[0])
    rendering.image.sum().backward()
    assert not fused.density_grid.grad.any() and not fused.feature_grid.grad.any()


@pytest.mark.parametrize("device", DEVICES)
def test_adamax_moves_as_pytorchs_own_and_takes_its_state_over(device):
    fused, _ = fields(device=device)
    plain = VoxelField(BOXES["box"], 30, 4, renderer="torch").to(device)
    plain.load_state_dict(fused.state_dict())
    optimisers = [adamax_for(field, field.parameter_groups(0.05, 0.02)) for field in (fused, plain)]
    assert type(optimisers[0]) is not type(optimisers[1])
    for step in range(12):
        if step == 6:  # each goes on with the other's state
            states = [optimiser.state_dict() for optimiser in optimisers]
            optimisers = [adamax_for(field, field.parameter_groups(0.05, 0.02)) for field in (fused, plain)]
            for optimiser, state in zip(optimisers, reversed(states), strict=True):
                optimiser.load_state_dict(state)
        generator = torch.Generator().manual_seed(step)
        for ours, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
            # Some of it exactly 0, as where no ray came by.
            gradient = torch.randn(ours.shape, generator=generator).clamp(min=0).to(device)
            theirs.grad = gradient.clone()
            ours.grad = gradient if ours.grad is None else ours.grad.copy_(gradient)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    for ours, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-6)
        assert not ours.grad.any()


@pytest.mark.parametrize("device", DEVICES)
def test_adamax_forgets_what_has_no_gradient_any_more_as_pytorchs_own_does(device):
    from sjc_blender.engine.radiance.fused.adamax import FusedAdamax

    shape = (1, 500)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape, device=device)) for _ in range(2))
    optimisers = [FusedAdamax([ours], lr=0.05), torch.optim.Adamax([theirs], lr=0.05)]
    for step in range(1200):
        # A second time after so long that the mean of the first one has faded below anything, `largest` has not.
        gradient = torch.zeros(shape, device=device)
        gradient[:, :300] = {0: 3.0, 1100: -0.5}.get(step, 0.0)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimiser in optimisers:
            optimiser.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    for name in ("exp_avg", "exp_inf"):
        states = [optimiser.state[p][name] for optimiser, p in zip(optimisers, (ours, theirs), strict=True)]
        torch.testing.assert_close(*states, rtol=1e-4, atol=1e-30)
    assert ours[0, 0] != ours[0, 400] == 1


def test_a_gradient_that_was_never_stepped_on_is_set_to_zero():
    fused, _ = fields()
    optimiser = adamax_for(fused, fused.parameter_groups(0.05, 0.02))
    fused.density_grid.grad = torch.ones_like(fused.density_grid)
    optimiser.zero_grad()
    assert not fused.density_grid.grad.any()


def test_who_is_fused():
    auto = VoxelField((1, 1, 1), 4, 4)
    assert marches_fused(auto)
    assert not marches_fused(VoxelField((1, 1, 1), 4, 4, renderer="torch"))
    assert not marches_fused(auto.double())


def test_a_renderer_that_cannot_be_had_is_an_error_only_where_it_was_asked_for(monkeypatch):
    monkeypatch.setattr(marcher, "_has_warp", lambda: False)
    assert not marches_fused(VoxelField((1, 1, 1), 4, 4))
    with pytest.raises(SjcError, match="warp-lang is not installed") as caught:
        marches_fused(VoxelField((1, 1, 1), 4, 4, renderer="fused"))
    assert caught.value.code == "renderer_unavailable"


@pytest.mark.skipif(sys.platform == "darwin", reason="there is no CUDA compiler in Warp for macOS")
@pytest.mark.parametrize(("channels", "pixel_space"), [(4, False), (3, True)])
def test_the_kernels_compile_for_cuda(channels, pixel_space, tmp_path):
    # Without a card this is as far as it goes: the tests above run on one where there is one.
    import warp

    from sjc_blender.engine.radiance.fused.adamax_kernel import adamax_kernel
    from sjc_blender.engine.radiance.fused.march_kernels import march_kernels

    warp.init()
    for kernel in (march_kernels(channels, pixel_space).forward, adamax_kernel()):
        made = warp.compile_aot_module(kernel.module, arch=75, module_dir=tmp_path, use_ptx=True)
        assert all(path.stat().st_size > 1000 for path in made)
    assert b"red." in b"".join(path.read_bytes() for path in tmp_path.glob("*march*.ptx"))  # atomic additions


def test_a_step_leaves_nothing_behind():
    """Tensors that kept one another alive took a megabyte a step of a small field, and the machine after a long run."""
    field, _ = fields()
    rendering = render(field, camera_rays(VIEWS["around"], 8, 8), emptiness_scale=10.0)
    watched = [weakref.ref(tensor) for tensor in (rendering.weights, rendering.image)]
    nodes = weakref.ref(rendering.weights.grad_fn)
    objective(rendering).backward()
    del rendering
    assert [ref() for ref in watched] == [None, None]
    assert nodes() is None
