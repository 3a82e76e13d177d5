"""Freed memory stays with the process: a step's tensors are not mapped anew in each step."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from sjc_blender.engine.this_process.allocation import keep_freed_memory
if {keep}: keep_freed_memory()
def work():
    parts = [torch.ones(2**20) for _ in range(20)]
    return sum(float(part[0]) for part in parts)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep):
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(keep=keep)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is Linux's")
def test_memory_that_was_freed_is_not_faulted_in_again():
    # How many pages a fault brings is the system's affair and changes with its load: the clearest of some tries counts.
    shares = [faults(keep=True) / faults(keep=False) for _ in range(4)]
    assert min(shares) < 0.2, shares
