"""Contenders measured in turns, so that whatever else the machine does meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Step:
    """Something whose duration is asked for.

    Attributes
    ----------
    run : callable
        Takes the number of the step.
    parameters : sequence of Tensor
        What it changes; put back before every step that is measured, so that all are steps from the same state.
    """

    run: Callable[[int], None]
    parameters: Sequence[torch.Tensor] = ()


@dataclass
class Samples:
    """Seconds of each step, by the clock and of the processor (of all threads of this process)."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def interleaved(steps: Mapping[str, Step], rounds: int, views: int = 1, warm_up: int = 1) -> dict[str, Samples]:
    """Run the steps in turns.

    Parameters
    ----------
    steps : mapping of str to Step
        By the contender's name.
    rounds : int
        How often each contender has its turn for each view.
    views : int
        Steps are numbered from 0 to this less 1, again and again.
    warm_up : int
        Steps of each contender that are not measured.
    """
    samples = {name: Samples() for name in steps}
    starts = {name: [p.detach().clone() for p in step.parameters] for name, step in steps.items()}
    for step in steps.values():
        for index in range(warm_up):
            step.run(index)
    names = list(steps)
    for turn in range(rounds * views):
        # Whoever is first has the caches as the last one left them: each is first in its turn.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            _put_back(steps[name], starts[name])
            clock, processor = time.perf_counter(), time.process_time()
            steps[name].run(turn % views)
            _wait_for_gpu()
            samples[name].clock.append(time.perf_counter() - clock)
            samples[name].processor.append(time.process_time() - processor)
    return samples


@torch.no_grad()
def _put_back(step: Step, start: Sequence[torch.Tensor]) -> None:
    for parameter, value in zip(step.parameters, start, strict=True):
        parameter.copy_(value)
    _wait_for_gpu()


def _wait_for_gpu() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
