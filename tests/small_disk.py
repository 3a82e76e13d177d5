"""A small disk in memory that a test fills, which needs root on Linux; elsewhere the test is skipped.

The same is tried everywhere by refusing the last writes (``tests/protocol/test_atomic_write.py``).
"""

import os
import subprocess
from contextlib import contextmanager

import pytest

FILLER = "filler"


@contextmanager
def small_disk(folder, size):
    """Mount a disk of `size`, such as ``"2m"``, as the new folder `folder`, and take it away again."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs a disk to fill: root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk, leave=0):
    """Fill a disk up but for `leave` bytes."""
    filler = disk / FILLER
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    os.truncate(filler, max(0, filler.stat().st_size - leave))


def files_of(disk):
    """Give the content of each file on a disk by its path, but of what fills it."""
    return {
        str(path.relative_to(disk)): path.read_bytes()
        for path in disk.rglob("*")
        if path.is_file() and path.name != FILLER
    }
