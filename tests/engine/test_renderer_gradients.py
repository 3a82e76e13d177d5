"""Every gradient of a rendering against central differences in float64."""

import itertools

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.optimisation.losses import centre_depth, emptiness
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.radiance.renderer import render

STEP = 1e-5


def small_field(pixel_space):
    """A box that is not a cube, so that exchanged axes cannot pass."""
    generator = torch.Generator().manual_seed(0)
    field = VoxelField((1.0, 0.6, 0.4), 5, 2, pixel_space=pixel_space, generator=generator).double()
    with torch.no_grad():
        field.density_grid.copy_(2 * torch.randn(field.density_grid.shape, generator=generator))
        field.density_scale.fill_(0.3)
        field.background_texture.texels.copy_(torch.randn(16, 2, generator=generator))
    return field


def rays():
    """From outside, some of which miss, and from inside the box."""
    views = [
        camera_rays(orbit_camera(35.0, 25.0, 1.5, 75.0), 6, 6, dtype=torch.float64),
        camera_rays(orbit_camera(-150.0, -10.0, 0.3, 75.0), 6, 6, dtype=torch.float64),
    ]
    origins, directions = (torch.cat([getattr(v, name) for v in views]) for name in ("origins", "directions"))
    return Rays(origins, directions, 12, 6)


def image(rendering):
    pattern = torch.randn(rendering.image.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return (rendering.image * pattern).sum()


def opacity(rendering):
    return rendering.opacity.square().sum()


def depth(rendering):
    pattern = torch.randn(rendering.depth.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return (rendering.depth * pattern).sum()


OUTPUTS = {
    "image": image,
    "opacity": opacity,
    "depth": depth,
    "emptiness": lambda rendering: emptiness(rendering.log_sums, 20.0),
    "centre depth": lambda rendering: centre_depth(rendering.depth),
}
PARAMETERS = ["density_grid", "density_scale", "feature_grid", "background_texture.texels"]


def values(field, view):
    rendering = render(field, view, weight_threshold=0, emptiness_scale=10.0)
    return torch.stack([output(rendering) for output in OUTPUTS.values()])


def finite_differences(field, view, parameter):
    """Central differences [outputs, *parameter.shape]."""
    columns = []
    for place in itertools.product(*(range(size) for size in parameter.shape)):
        kept, ends = parameter.data[place].item(), []
        for end in (kept + STEP, kept - STEP):
            parameter.data[place] = end
            ends.append(values(field, view))
        parameter.data[place] = kept
        columns.append((ends[0] - ends[1]) / (2 * STEP))
    return torch.stack(columns, dim=1).view(-1, *parameter.shape)


@pytest.mark.parametrize("pixel_space", [False, True])
@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_equal_finite_differences(name, pixel_space):
    field, view = small_field(pixel_space), rays()
    parameter = field.get_parameter(name)
    gradients = [
        torch.autograd.grad(value, parameter, retain_graph=True, materialize_grads=True)[0]
        for value in values(field, view)
    ]
    with torch.no_grad():
        differences = finite_differences(field, view, parameter)
    assert gradients[0].abs().max() > 1e-3  # the image depends on every parameter
    for output, gradient, difference in zip(OUTPUTS, gradients, differences, strict=True):
        torch.testing.assert_close(gradient, difference, rtol=1e-6, atol=1e-7, msg=lambda m, o=output: f"{o}: {m}")


def test_voxels_that_no_ray_meets_get_no_gradient_and_those_on_the_ray_do():
    field = small_field(False)
    along_x = Rays(torch.tensor([[-3.0, 0.0, 0.2]]).double(), torch.tensor([[1.0, 0.0, 0.0]]).double(), 1, 1)
    render(field, along_x).opacity.sum().backward()
    met = field.density_grid.grad[0] != 0
    expected = torch.zeros(5, 3, 2, dtype=torch.bool)
    expected[:, 1, 1] = True  # y = 0 and z = .2 run through the centres of this row
    assert torch.equal(met, expected)
