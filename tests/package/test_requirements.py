"""The lists of packages install on every platform that Blender runs on, and each names the contents of its files."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9a-z.]+)(?: ; (?P<marker>.+))?")


def lines(name: str) -> list[str]:
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    return [line.rstrip(" \\") for line in text.splitlines() if line and not line.startswith(("#", "    --hash="))]


@pytest.mark.parametrize("name", ["engine.txt", "tools.txt"])
def test_every_file_of_a_package_is_known_by_its_hash(name: str) -> None:
    text = (REQUIREMENTS / name).read_text(encoding="utf-8").replace("\\\n", "")
    for line in (line for line in text.splitlines() if line and not line.startswith("#")):
        assert re.search(r"( +--hash=sha256:[0-9a-f]{64})+$", line), line


def test_only_torch_stands_apart_because_each_graphics_card_has_a_build_of_its_own() -> None:
    assert [line.split("==")[0] for line in lines("torch.txt")] == ["torch"]
    assert not [line for line in lines("engine.txt") if line.startswith("torch=")]


def test_every_version_is_exact_and_exists_on_every_machine() -> None:
    # No address, no path, no option, and no local version such as 2.13.0+cpu.
    assert [line for line in lines("engine.txt") if not PIN.fullmatch(line)] == []


def test_nothing_is_for_linux_only() -> None:
    pins = [PIN.fullmatch(line) for line in lines("engine.txt")]
    assert [p[0] for p in pins if p and "== 'linux'" in (p["marker"] or "")] == []
    assert [p[0] for p in pins if p and p["name"].startswith(("nvidia", "cuda", "triton"))] == []


def test_it_was_compiled_from_what_the_engine_asks_for() -> None:
    pinned: dict[str, list[str]] = {}
    for pin in map(Requirement, lines("engine.txt") + lines("torch.txt")):
        pinned.setdefault(pin.name, []).append(str(pin.specifier).removeprefix("=="))
    for asked in map(Requirement, lines("engine.in")):
        pins = pinned.get(asked.name)
        assert pins and list(asked.specifier.filter(pins)) == pins, f"{asked}: run `make requirements`"
