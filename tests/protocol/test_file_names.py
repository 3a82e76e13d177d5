"""Names of files that are made of what somebody wrote can be written on every system."""

import pytest

from sjc_blender.protocol.device_names import is_device
from sjc_blender.protocol.slug import slug


@pytest.mark.parametrize("name", ["con", "NUL", "nul.txt", "nul.tar.gz", "aux .x", "COM1", "com¹", "Lpt9.x", "CONIN$"])
def test_devices_of_windows_are_known_whatever_their_ending(name):
    assert is_device(name)


@pytest.mark.parametrize("name", ["", "console", "nul-1", "com10", "a.nul", "lpt", "icon.png"])
def test_other_names_are_no_devices(name):
    assert not is_device(name)


@pytest.mark.parametrize("text", ["Con", "NUL", "com1", "LPT²", "aux...", " prn "])
def test_a_prompt_or_a_camera_named_as_a_device_becomes_a_name_that_windows_writes(text):
    assert not is_device(slug(text))
    assert not is_device(f"{slug(text)}.png")


@pytest.mark.parametrize("text", ["\ud800", "a/../b", "..", "x" * 500, "a\0b", "Stuhl ü", "椅子", "e\u0301"])
def test_a_slug_is_one_short_plain_name(text):
    name = slug(text)
    assert 0 < len(name.encode()) <= 160
    assert not set(name) & set('/\\\0:*?"<>|. ')
    assert slug(name) == name


def test_upper_and_lower_case_become_the_same():
    assert slug("Hero") == slug("hero")
