"""Small networks on a CPU get one thread; large ones, and those on a GPU, what PyTorch takes by itself."""

import pytest
import torch

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.this_process.threads import SMALL, use_threads_for
from sjc_blender.protocol.spec import ModelSpec


@pytest.fixture
def two_threads():
    kept = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(kept)


def test_the_built_in_prior_is_small(two_threads):
    model = load_score_model(ModelSpec(device="cpu"))
    use_threads_for(model.device, model.parameter_count)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("device", "count"), [("cpu", SMALL + 1), ("cpu", None), ("cuda", 1000)])
def test_others_keep_their_threads(two_threads, device, count):
    use_threads_for(torch.device(device), count)
    assert torch.get_num_threads() == 2
