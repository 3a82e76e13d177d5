"""Files of others are read whole or not at all, and names in them stay inside."""

import os
from pathlib import Path

import pytest

from sjc_blender.protocol.outside_file import UnusableFile, read_outside, stays_inside


def test_a_file_up_to_its_limit(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_outside(tmp_path / "x", 5) == b"12345"
    with pytest.raises(UnusableFile, match="5 bytes; allowed: up to 4"):
        read_outside(tmp_path / "x", 4)


@pytest.mark.parametrize("make, told", [("missing", "not exist"), ("folder", "is not a file"), ("pipe", "a pipe")])
def test_what_is_no_file_is_told_and_not_waited_for(tmp_path, make, told):
    path = tmp_path / "x"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(path)
    with pytest.raises(UnusableFile, match=told):
        read_outside(path, 10)
    with pytest.raises(UnusableFile):
        read_outside(tmp_path / "a\0b", 10)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such device")
def test_a_device_is_not_read():
    with pytest.raises(UnusableFile, match="a device"):
        read_outside(Path("/dev/zero"), 10)


def test_names_and_links_that_lead_out(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "round").symlink_to(folder / "round")
    assert stays_inside(folder, "a/../b.png") and stays_inside(folder, "round")
    for name in ("../b.png", "a/../../b.png", "/etc/passwd", "out/b.png", "a\0b"):
        assert not stays_inside(folder, name)
