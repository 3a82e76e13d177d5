"""What mkdocs does to the pages on their way into the site (mkdocs.yml)."""

import re
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
UPWARD = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)[^)]*\)")
"""Links that may lead out of docs/, to files of the repository that the site does not have."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace a link that leads out of docs/ by its words, after a check that the repository has the file.

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    """
    folder = Path(page.file.abs_src_path).parent

    def words(found: re.Match[str]) -> str:
        target = (folder / found[2]).resolve()
        if target.is_relative_to(REPOSITORY / "docs"):
            return found[0]  # which mkdocs checks itself
        if not target.exists() or not target.is_relative_to(REPOSITORY):
            raise FileNotFoundError(f"{page.file.src_path} links to {found[2]}, which is not there.")
        return found[1]

    return UPWARD.sub(words, markdown)
