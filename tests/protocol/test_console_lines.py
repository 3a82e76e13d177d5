"""Python of the user pages can be pasted into Blender's console, which takes it line by line."""

import codeop
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks():
    for page in sorted(set(DOCS.glob("*.md")) - {DOCS / "architecture.md"}):  # which has signatures, for developers
        for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")), 1):
            yield pytest.param(block, id=f"{page.name}-{number}")


def pasted(block):
    """As `code.InteractiveConsole` takes lines, the last one followed by an empty line."""
    waiting = []
    for line in [*block.splitlines(), ""]:
        waiting.append(line)
        if codeop.compile_command("\n".join(waiting), "<console>", "single") is not None:
            waiting.clear()
    assert not any(waiting), waiting


@pytest.mark.parametrize("block", list(blocks()))
def test_the_console_takes_it_line_by_line(block):
    pasted(block)


def test_a_block_that_no_empty_line_ends_is_found():
    with pytest.raises(SyntaxError):
        pasted("for a in b:\n    print(a)\nprint(b)\n")
