"""Make web pages of the docs for users, with their pictures: the manual that the extension's zip carries.

manual_pages.py FOLDER
"""

import re
import shutil
import sys
from pathlib import Path

import markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOT_IN_THE_ZIP = {"architecture.md", "proof.md", "quality.md", "gallery.md", "index.md", "first-object.md"}
"""For engineers, or large and of no use without the repository."""
LINK = re.compile(r'((?:href|src)=")(?![a-z]+:)([^"#]+)')
NOT_HERE = re.compile(r'<a href="[^":]+\.md(?:#[^"]*)?">(.*?)</a>')
"""Links to those."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>SJC: {title}</title>
<style>
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif; color: #222 }}
img {{ max-width: 100%; height: auto }}
pre, code {{ background: #f3f3f3; border-radius: 3px }}
code {{ padding: 0 .2em }}
pre {{ padding: .7rem 1rem; overflow-x: auto }}
pre code {{ padding: 0 }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top }}
nav a {{ margin-right: 1rem }}
.toc ul {{ padding-left: 1.2rem }}
</style>
<nav>{nav}</nav>
{body}
</html>
"""


def write_pages(folder: Path) -> None:
    """Write a page for each of the docs, and copy what they show.

    Raises
    ------
    SystemExit
        A page links to a file that is not there.
    """
    sources = [path for path in sorted(DOCS.glob("*.md")) if path.name not in NOT_IN_THE_ZIP]
    sources.sort(key=lambda path: path.name != "usage.md")
    nav = "".join(f'<a href="{path.stem}.html">{_title(path)}</a>' for path in sources)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        text = source.read_text(encoding="utf-8")
        head, line, rest = text.partition("\n")
        body = markdown.markdown(f"{head}{line}\n[TOC]\n{rest}", extensions=["extra", "toc", "sane_lists"])
        body = NOT_HERE.sub(r"\1", LINK.sub(lambda found: _target(found, folder), body))
        page = PAGE.format(title=_title(source), nav=nav, body=body)
        (folder / f"{source.stem}.html").write_text(page, encoding="utf-8")


def _title(source: Path) -> str:
    return source.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def _target(found: re.Match[str], folder: Path) -> str:
    """Where a relative link leads in the manual; pictures are brought along."""
    attribute, path = found.groups()
    target = (DOCS / path).resolve()
    if not target.exists():
        raise SystemExit(f"docs/: a page links to {path}, which is not there.")
    if target.suffix == ".md" and target.parent == DOCS and target.name not in NOT_IN_THE_ZIP:
        return f"{attribute}{target.stem}.html"
    if target.suffix == ".png":
        copy = folder / target.name
        shutil.copy2(target, copy)
        return attribute + target.name
    return found[0]


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
