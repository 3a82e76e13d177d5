"""Write docs/code-map.md: what the docstring of each file says, and the signatures of the main interfaces.

code_page.py [--check]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "sjc_blender"
PAGE = REPOSITORY / "docs" / "code-map.md"

ROOMS = ("protocol", "surface", "engine", "stand_in", "addon", "farm")
INTERFACES = (
    "addon/jobs/job_request.py",
    "addon/jobs/job.py",
    "addon/jobs/job_queue.py",
    "addon/commands/outcome.py",
    "protocol/job_folder.py",
    "engine/score_models/score_model.py",
    "engine/score_models/loading.py",
    "engine/score_models/conditioning.py",
    "engine/optimisation/estimator.py",
    "engine/optimisation/sjc.py",
    "engine/optimisation/regularisation.py",
    "engine/cameras/viewpoints.py",
    "engine/radiance/field.py",
    "engine/radiance/radiance_grid.py",
    "engine/radiance/rays.py",
    "engine/radiance/renderer.py",
    "engine/results/colour.py",
    "engine/results/mesh.py",
    "engine/results/result.py",
    "surface/surface.py",
)
"""Where one part of the package meets another."""

HEAD = """# Code map

`scripts/code_page.py` writes this page from the docstrings and signatures of the code; `make format` runs it. How the
parts work together is in [Architecture](architecture.md). The Python API is described by `help(api)` and in
[Python API](python-api.md).

"""


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD, "## Files\n"]
    for room in ROOMS:
        parts += _room(room)
    parts.append("\n## Signatures of the main interfaces\n")
    parts += [_signatures(name) for name in INTERFACES]
    return "".join(parts)


def _room(room: str) -> Iterator[str]:
    for folder in sorted({path.parent for path in (PACKAGE / room).rglob("*.py")}):
        files = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
        name = folder.relative_to(PACKAGE).as_posix()
        yield f"\n{'###' if name == room else '####'} {name}\n\n{_summary(folder / '__init__.py')}\n"
        if files:
            yield "\n| file | purpose |\n|---|---|\n"
        yield from (f"| `{path.name}` | {_summary(path)} |\n" for path in files)


def _summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    if not text:
        raise SystemExit(f"{path.relative_to(REPOSITORY)} has no docstring.")
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


def _signatures(name: str) -> str:
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    lines = [line for node in tree.body for line in _signature(node)]
    return f"\n### {name}\n\n```text\n" + "\n".join(lines) + "\n```\n"


def _signature(node: ast.stmt) -> Iterator[str]:
    """Yield the lines of a public class or function without its body, with the first line of its docstring."""
    if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
        return
    said = (ast.get_docstring(node) or "").partition("\n")[0]
    if isinstance(node, ast.FunctionDef):
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        yield f"def {node.name}({ast.unparse(node.args)}){result}"
        yield f"    {said}"
        return
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"class {node.name}({bases})" if bases else f"class {node.name}"
    yield f"    {said}"
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and not ast.unparse(part.target).startswith("_"):
            yield f"    {ast.unparse(part.target)}: {ast.unparse(part.annotation)}"
        yield from (f"    {line}" for line in _signature(part))


if __name__ == "__main__":
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != page():
            raise SystemExit("docs/code-map.md is out of date; run scripts/code_page.py")
    else:
        PAGE.write_text(page(), encoding="utf-8", newline="\n")
