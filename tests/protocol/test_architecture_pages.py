"""What the pages for developers say of the code is what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def test_the_code_map_is_what_the_docstrings_say():
    script = [sys.executable, str(ROOT / "scripts" / "code_page.py"), "--check"]
    told = subprocess.run(script, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_the_walk_from_click_to_volume_passes_no_file_twice():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    walk = text.partition("## From click to Volume\n")[2].partition("\n## ")[0]
    steps = re.findall(r"^\d+\. \[`(.+?)`\]\((.+?)\)", walk, re.MULTILINE)
    assert 8 <= len(steps) <= 12 and len(re.findall(r"^\d+\. ", walk, re.MULTILINE)) == len(steps)
    assert len({file for _name, file in steps}) == len(steps)
    for name, file in steps:
        assert file.endswith(name) and (DOCS / file).is_file()


def test_every_file_that_the_architecture_names_exists():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([\w/]+\.(?:py|toml))(?:::\w+)?`", text))
    assert len(names) > 30
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if "build" not in path.parts]
    files.append("pyproject.toml")
    assert [name for name in names if not any(f"/{file}".endswith(f"/{name}") for file in files)] == []


@pytest.mark.parametrize("page", sorted((DOCS / "lab").glob("*.md")), ids=lambda page: page.stem)
def test_every_entry_of_a_notebook_names_its_day_and_its_commit(page):
    entries = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    told = re.compile(r"[^\n]+\n\n\*(Measured|Written) 2[0-9]{3}-[0-9]{2}-[0-9]{2}, commits? `[0-9a-f]{7}`")
    assert entries and [entry.splitlines()[0] for entry in entries if not told.match(entry)] == []
