# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads PyTorch works with."""

from __future__ import annotations

import torch

SMALL = 20_000_000
"""Parameters up to which a network is small.

The built-in prior has 4 million. On two idle cores it takes 27 ms with one thread and 47 with two, because its layers
end before a sleeping thread has been woken; with threads that wait without sleeping 20, but 112 beside a busy program.
"""


def use_threads_for(device: torch.device, parameters: int | None) -> None:
    """One thread for a small network on a CPU; else PyTorch keeps as many as there are cores.

    Parameters
    ----------
    device : torch.device
        On which the network works.
    parameters : int, optional
        How many it has; None: not known, as of models that are no network.

    Notes
    -----
    The results of a job do not depend on it but by rounding; the choice depends on the model alone, so that a seed
    means the same result each time.
    """
    if device.type == "cpu" and parameters is not None and parameters <= SMALL:
        torch.set_num_threads(1)
