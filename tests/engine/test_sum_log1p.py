"""The sum of logarithms against PyTorch's own, and against finite differences."""

import torch

from sjc_blender.engine.sum_log1p import sum_log1p


def test_value_and_gradient():
    x = torch.rand(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.testing.assert_close(sum_log1p(x, 10.0), torch.log1p(10 * x).sum())
    assert torch.autograd.gradcheck(lambda t: sum_log1p(t, 10.0), x)
    (3 * sum_log1p(x, 10.0)).backward()
    torch.testing.assert_close(x.grad, 30 / (1 + 10 * x.detach()))
