"""A surface laid out flat: every face has its place, and every pixel shows the right place of the surface."""

import numpy as np

from sjc_blender.surface.dual_cubes import cut
from sjc_blender.surface.quad_mesh import normals
from sjc_blender.surface.texture import texture_places
from sjc_blender.surface.uv_charts import unwrap

SIZE = 256


def _ball() -> tuple[np.ndarray, np.ndarray]:
    axis = np.arange(16) - 7.5
    distance = np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis)), axis=0)
    return cut((6 - distance).astype(np.float32), 0.0)


def _unwrapped(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    face = np.repeat(np.arange(len(quads)), 4)
    directions = normals(vertices, quads)[quads].mean(axis=1)
    return unwrap(vertices[quads.ravel()], face, quads.ravel(), directions, SIZE).reshape(-1, 4, 2)


def _halves(of_quads: np.ndarray) -> np.ndarray:
    return np.concatenate([of_quads[:, [0, 1, 2]], of_quads[:, [0, 2, 3]]])


def test_a_ball_unfolds_into_six_charts_that_do_not_overlap() -> None:
    vertices, quads = _ball()
    uv = _unwrapped(vertices, quads)
    assert uv.min() >= 0 and uv.max() <= 1
    triangles = _halves(uv).astype(np.float64) * SIZE
    ab, ac = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]) / 2
    assert area.min() > -1e-6  # none is mirrored
    # Pixels are counted once for each triangle that covers their centre: as many as the area says, and no more.
    shown = texture_places(_halves(uv), SIZE)
    counts = np.bincount(shown.triangle[shown.triangle >= 0], minlength=len(area))
    covered = area.sum()
    assert 0.25 * SIZE**2 < covered < SIZE**2
    inside = counts.sum()
    assert covered < inside < 1.5 * covered  # and the margin


def test_every_pixel_shows_a_place_on_the_surface() -> None:
    vertices, quads = _ball()
    uv = _unwrapped(vertices, quads)
    places = texture_places(_halves(uv), SIZE)
    points = places.values(_halves(vertices[quads]))
    radii = np.linalg.norm(points - 7.5, axis=1)
    assert abs(radii - 6).max() < 0.3
    # And the very place: the texture read at a corner gives the corner back, to a pixel's size on the surface.
    rows, columns = np.nonzero(places.triangle >= 0)
    picture = np.zeros((SIZE, SIZE, 3))
    picture[rows, columns] = points
    corners = np.clip(np.round(uv.reshape(-1, 2) * SIZE - 0.5).astype(int), 0, SIZE - 1)
    pixel = np.linalg.norm(vertices[quads[:, 0]] - vertices[quads[:, 1]], axis=1).mean()
    pixel /= np.linalg.norm((uv[:, 0] - uv[:, 1]) * SIZE, axis=1).mean()
    off = np.linalg.norm(picture[corners[:, 1], corners[:, 0]] - vertices[quads.ravel()], axis=1)
    assert np.median(off) < pixel
    assert off.max() < 4 * pixel


def test_a_triangle_and_its_margin() -> None:
    places = texture_places(np.array([[[0.25, 0.25], [0.75, 0.25], [0.25, 0.75]]]), 32)
    values = np.full((32, 32), np.nan)
    values[places.triangle >= 0] = places.values(np.array([[[0.0], [1.0], [0.0]]]))[:, 0]
    # Along the bottom edge the value rises from 0 to 1 over 16 pixels; pixel centres are half a pixel in.
    np.testing.assert_allclose(values[8, 8:23], (np.arange(15) + 0.5) / 16, atol=1e-5)
    assert values[8, 6] == 0.0 and np.isnan(values[8, 4])
    assert not np.isnan(values[6, 12]) and np.isnan(values[4, 12])
