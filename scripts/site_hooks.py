"""What mkdocs does to the pages on their way into the site (mkdocs.yml)."""

import re
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
OUTWARD = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)[^)]*\)")
"""Links out of docs/: they lead to files of the repository, which the site does not have."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leave the words of a link that leads out of docs/, and check that the repository has the file.

    Raises
    ------
    FileNotFoundError
        It has not.
    """

    def words(found: re.Match[str]) -> str:
        target = (REPOSITORY / "docs" / found[2]).resolve()
        if not target.exists() or not target.is_relative_to(REPOSITORY):
            raise FileNotFoundError(f"{page.file.src_path} links to {found[2]}, which is not there.")
        return found[1]

    return OUTWARD.sub(words, markdown)
