"""Pages that name tests as proof name tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
PARTS = re.compile(r"`((?:addon|engine|protocol|farm)/[\w/]+\.py)`")


@pytest.mark.parametrize("page", ["security.md", "reliability.md"])
def test_every_test_and_every_file_that_is_named_exists(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = NAMED.findall(text)
    assert len(named) >= 10
    for file, test in named:
        path = ROOT / file
        assert path.is_file(), file
        assert f"def {test}" in path.read_text(encoding="utf-8") if test else True, f"{file}::{test}"
    for file in PARTS.findall(text):
        assert (ROOT / "sjc_blender" / file).is_file(), file


def test_every_slow_test_is_there():
    names = (ROOT / "tests" / "slow_tests.txt").read_text(encoding="utf-8").split()
    assert len(names) >= 100
    for name in names:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), name
