"""Make the manual that the extension's zip contains: web pages of the docs for users, with their pictures.

manual_pages.py FOLDER
"""

import re
import shutil
import sys
from pathlib import Path

import markdown
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
SECTIONS = {"Home", "Use", "Automate", "Look up"}
"""Of the site's navigation (mkdocs.yml): the pages for users. The others are for engineers."""
NOT_IN_THE_ZIP = {"gallery.md", "first-object.md"}
"""Their pictures are large."""
LINK = re.compile(r'((?:href|src)=")(?![a-z]+:)([^"#]+)')
NOT_HERE = re.compile(r'<a href="[^":]+\.md(?:#[^"]*)?">(.*?)</a>')
"""Links to pages that the manual does not have."""

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
nav {{ margin-bottom: 2rem; padding-bottom: .7rem; border-bottom: 1px solid #ccc }}
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
    sources = manual_sources()
    nav = "".join(f'<a href="{path.stem}.html">{_title(path)}</a> ' for path in sources)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        text = source.read_text(encoding="utf-8")
        head, line, rest = text.partition("\n")
        body = markdown.markdown(f"{head}{line}\n[TOC]\n{rest}", extensions=["extra", "toc", "sane_lists"])
        body = NOT_HERE.sub(r"\1", LINK.sub(lambda found: _target(found, folder, sources), body))
        page = PAGE.format(title=_title(source), nav=nav, body=body)
        (folder / f"{source.stem}.html").write_text(page, encoding="utf-8")


def manual_sources() -> list[Path]:
    """Return the pages of the manual in the order of the site's navigation."""
    settings = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    names: list[str] = []
    for section in settings["nav"]:
        for title, pages in section.items():
            if title in SECTIONS:
                names += [pages] if isinstance(pages, str) else [name for page in pages for name in page.values()]
    return [DOCS / name for name in names if name not in NOT_IN_THE_ZIP]


def _title(source: Path) -> str:
    return source.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def _target(found: re.Match[str], folder: Path, sources: list[Path]) -> str:
    """Return the link as it is in the manual, and copy the picture that it shows."""
    attribute, path = found.groups()
    target = (DOCS / path).resolve()
    if not target.exists():
        raise SystemExit(f"docs/: a page links to {path}, which is not there.")
    if target in sources:
        return f"{attribute}{target.stem}.html"
    if target.suffix == ".png":
        copy = folder / target.name
        shutil.copy2(target, copy)
        return attribute + target.name
    return found[0]


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
