"""Back-projection and its refinement, on systems small enough to solve by hand."""

import numpy as np
from scipy.sparse import csr_array

from sjc_blender.engine.results.least_squares import fill_from_nearest, fit_near_back_projection


def _fit(matrix: list[list[float]], targets: list[float], importance: list[float] | None = None) -> np.ndarray:
    b = np.array(targets, dtype=np.float32)[:, None]
    r = np.ones_like(b) if importance is None else np.array(importance, dtype=np.float32)[:, None]
    return fit_near_back_projection(csr_array(np.array(matrix, dtype=np.float32)), b, r)[:, 0]


def test_consistent_equations_give_their_colours_back() -> None:
    # The first two unknowns are each seen alone, the third only through the first; all have the same colour.
    x = _fit([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.4, 0.0, 0.6]], [0.3, 0.3, 0.3])
    np.testing.assert_allclose(x, 0.3, atol=1e-5)


def test_a_half_opaque_pixel_tells_the_colour_not_half_of_it() -> None:
    np.testing.assert_allclose(_fit([[0.5]], [0.4]), [0.8], atol=1e-5)


def test_it_is_nearer_to_the_targets_than_the_back_projection() -> None:
    matrix, targets = [[0.8, 0.2], [0.2, 0.8]], [0.9, 0.1]
    a, b = np.array(matrix), np.array(targets)
    back_projection = a.T @ b / (a.T @ a).sum(axis=1)
    fitted = _fit(matrix, targets)
    assert np.linalg.norm(a @ fitted - b) < 0.7 * np.linalg.norm(a @ back_projection - b)
    # The minimum in closed form: (A^T A + s D) x = A^T b + s D x0, with s = 0.5.
    d = np.diag((a.T @ a).sum(axis=1))
    exact = np.linalg.solve(a.T @ a + 0.5 * d, a.T @ b + 0.5 * d @ back_projection)
    np.testing.assert_allclose(fitted, exact, atol=2e-3)


def test_importance_decides_between_contradictions() -> None:
    np.testing.assert_allclose(_fit([[1.0], [1.0]], [0.0, 1.0], [1.0, 3.0]), [0.75], atol=1e-5)


def test_values_stay_within_zero_and_one_and_the_unseen_is_zero() -> None:
    x = _fit([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], [1.0, -0.5])
    assert x.min() >= 0.0
    assert x.max() <= 1.0
    assert x[2] == 0.0


def test_unknown_voxels_take_the_nearest_known_value() -> None:
    values = np.zeros((5, 1, 1, 2), dtype=np.float32)
    values[0], values[4] = [1.0, 2.0], [3.0, 4.0]
    known = np.array([True, False, False, False, True]).reshape(5, 1, 1)
    filled = fill_from_nearest(values, known)
    assert filled[1, 0, 0].tolist() == [1.0, 2.0]
    assert filled[3, 0, 0].tolist() == [3.0, 4.0]
