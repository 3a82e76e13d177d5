"""The sum of logarithms against PyTorch's own, and against finite differences."""

import pytest
import torch

from sjc_blender.engine.sum_log1p import sum_log1p


def test_value_and_gradient():
    x = torch.rand(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.testing.assert_close(sum_log1p(x, 10.0), torch.log1p(10 * x).sum())
    assert torch.autograd.gradcheck(lambda t: sum_log1p(t, 10.0), x)
    (3 * sum_log1p(x, 10.0)).backward()
    torch.testing.assert_close(x.grad, 30 / (1 + 10 * x.detach()))


@pytest.mark.parametrize("scale", [0.0, 10.0, 1e6])
@pytest.mark.parametrize("count", [2**17, 2**17 + 12345])
def test_many_terms_of_any_size(count, scale):
    x = torch.rand(count, generator=torch.Generator().manual_seed(0))
    x[::3] = 1
    exact = torch.log1p(scale * x.double()).sum().float()
    torch.testing.assert_close(sum_log1p(x, scale), exact, rtol=1e-6, atol=0)
