"""Objects known by formulas, and a model whose latents are a linear map of sRGB."""

import torch
from torch import Tensor

from sjc_blender.engine.image_files.srgb import to_linear
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid


def voxel_centres(shape: tuple[int, int, int]) -> Tensor:
    """Coordinates [nx, ny, nz, 3] by the convention of docs/architecture.md, the longest half side 1."""
    voxel = 2.0 / max(shape)
    axes = [-n * voxel / 2 + (torch.arange(n) + 0.5) * voxel for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def half_extents(shape: tuple[int, int, int]) -> Tensor:
    return torch.tensor(shape) / max(shape)


def ball(shape: tuple[int, int, int], radius: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Density [nx, ny, nz]: 60 inside, falling to 0 within the voxel at the surface."""
    distance = (voxel_centres(shape) - torch.tensor(centre)).norm(dim=-1)
    return 60.0 * ((radius - distance) * max(shape) / 2 + 0.5).clamp(0.0, 1.0)


def octant_srgb(points: Tensor) -> Tensor:
    """sRGB [..., 3] that differs in each octant: red tells X, green Y, blue Z."""
    return torch.where(points > 0, 0.9, 0.25)


def coloured_ball(resolution: int = 32, radius: float = 0.6) -> RadianceGrid:
    """A ball in `octant_srgb`, on black."""
    shape = (resolution,) * 3
    rgb = to_linear(octant_srgb(voxel_centres(shape)))
    return RadianceGrid(ball(shape, radius), rgb, half_extents(shape), torch.zeros(3))


class LinearModel:
    """A ScoreModel whose decoder is a known affine map of four latent channels."""

    channels = 4
    pixel_space = False
    device = torch.device("cpu")

    def __init__(self, sample_size: int, scale: int = 1) -> None:
        self.sample_size = sample_size
        self.scale = scale
        self.sigmas = torch.linspace(0.1, 1.0, 10, dtype=torch.float64)
        self.to_srgb = torch.tensor([[0.4, 0.1, -0.2, 0.3], [-0.1, 0.5, 0.2, 0.1], [0.2, -0.3, 0.4, 0.2]])

    def latents(self, srgb: Tensor) -> Tensor:
        """Latents [..., 4] that decode to sRGB [..., 3]."""
        return (srgb - 0.5) @ torch.linalg.pinv(self.to_srgb).T

    def decode(self, samples: Tensor) -> Tensor:
        srgb = torch.einsum("kc,bchw->bkhw", self.to_srgb, samples) + 0.5
        return srgb.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3).clamp(0.0, 1.0)


class LatentField:
    """What `fit_colour` asks of a VoxelField, from given grids."""

    voxels = None

    def __init__(self, density: Tensor, latents: Tensor, background: Tensor) -> None:
        shape = density.shape
        self.shape = (shape[0], shape[1], shape[2])
        self.half_extents = half_extents(self.shape)
        self.voxel_size = 2.0 / max(shape)
        self._background = background
        # A RadianceGrid interpolates any three channels; the fourth latent goes with a second one.
        black = torch.zeros(3)
        self._first = RadianceGrid(density, latents[..., :3].contiguous(), self.half_extents, black)
        self._second = RadianceGrid(density, latents[..., 1:].contiguous(), self.half_extents, black)

    def density_at_voxels(self) -> Tensor:
        return self._first.density_grid

    def density(self, points: Tensor) -> Tensor:
        return self._first.density(points)

    def features(self, points: Tensor) -> Tensor:
        return torch.cat([self._first.features(points), self._second.features(points)[:, 2:]], dim=1)

    def background(self, directions: Tensor) -> Tensor:
        return self._background.expand(len(directions), -1)
