"""Every picture of the gallery stands beside a command that makes it, and is small."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs/gallery.md").read_text(encoding="utf-8")
PICTURES = re.findall(r"!\[[^]]+]\(images/gallery/([^)]+)\)", PAGE)
COMMANDS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LARGEST = 150_000
"""Bytes."""


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_there_and_small_and_a_command_makes_it(picture: str) -> None:
    assert 0 < (REPOSITORY / "docs/images/gallery" / picture).stat().st_size < LARGEST
    made = f"--out pictures/{Path(picture).parent}" if "/" in picture else f" pictures/{picture}"
    assert re.search(rf"{re.escape(made)}(\s|$)", COMMANDS)


def test_no_picture_is_there_that_the_page_does_not_show() -> None:
    folder = REPOSITORY / "docs/images/gallery"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")} == set(PICTURES)


def test_what_the_commands_read_of_the_repository_is_there() -> None:
    read = re.findall(r"\bdemo/[\w.]+", PAGE)
    assert "demo/studio.py" in read
    for path in read:
        assert (REPOSITORY / path).is_file()
