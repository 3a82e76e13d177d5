"""docs/troubleshooting.md lists every error code that the code can raise, and no other."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
CODE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+|offline|rendering")
SHAPES = ("proxy", "region", "guide")
"""What ``{what}`` in a code stands for: `input_file.py` and `proxy.py` serve all."""
INPUT = "engine/radiance/input_file.py"
"""Reads a picture too."""
HANDED_ON = {
    "addon/arguments.py",  # from its own table
    "addon/environment/engine_keeper.py",  # from an event of a child process
    "addon/environment/setup_errors.py",  # from its own table
    "addon/jobs/job.py",
    "addon/models/model_library.py",
    "addon/ui/shared/background_mode.py",  # of a job that failed
    "protocol/presets.py",  # from an error that it adds words to
}
"""Files that make an error with a code from elsewhere."""


def test_every_error_code_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", PAGE))
    assert sorted(raised() - listed) == []


def test_every_code_that_is_listed_is_raised() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert len(rows) > 50
    listed = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert sorted(listed - raised()) == []


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('raise SjcError("no_such_thing", "There is none.")', {"no_such_thing"}),
        ('SjcError(f"{what}_lost", "It is lost.")', {"proxy_lost", "region_lost", "guide_lost"}),
        ('class Many(SjcError):\n def __init__(self):\n  super().__init__("too_many", "!")', {"too_many"}),
        ('report(Failed("it_broke", "It broke.", ""))', {"it_broke"}),
        ('SjcError("a_b" if new else "c_d", "!")', {"a_b", "c_d"}),
        ('_KNOWN = (("disk_full", r"no space", "Full.", "Free some."),)', {"disk_full"}),
    ],
)
def test_codes_are_found_however_they_are_written(source: str, codes: set[str]) -> None:
    assert set(codes_of(ast.parse(source), "x.py")) == codes


def test_a_code_that_cannot_be_read_from_the_source_is_noticed() -> None:
    with pytest.raises(AssertionError):
        set(codes_of(ast.parse("SjcError(code, message)"), "x.py"))


@functools.cache
def raised() -> set[str]:
    """Return all codes of the package's errors."""
    package = ROOT / "sjc_blender"
    by_file = {
        path.relative_to(package).as_posix(): set(
            codes_of(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(package).as_posix())
        )
        for path in package.rglob("*.py")
    }
    of_pictures = {code.replace(SHAPES[0], "picture") for code in by_file[INPUT] if code.startswith(SHAPES[0])}
    return of_pictures.union(*by_file.values())


def codes_of(tree: ast.AST, name: str) -> Iterator[str]:
    """Yield the codes of the errors that a file makes, and of its tables of errors."""
    own = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _is_error(node)]
    supers = {call for cls in own for call in ast.walk(cls) if _called(call) == "__init__"}
    for node in ast.walk(tree):
        if _called(node) in {"SjcError", "Failed"} or node in supers:
            assert isinstance(node, ast.Call)
            codes = list(_texts(node.args[0])) if node.args else []
            handed_on = _called(node) == "Failed" or name in HANDED_ON
            assert codes or handed_on, f"{name}:{node.lineno}: which codes can this be?"
            yield from codes
        elif _called(node) == "Kind":
            assert isinstance(node, ast.Call)
            yield from (code for argument in node.args[2:3] for code in _texts(argument))
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "code" and node.value:
            yield from _texts(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value and ast.unparse(node).startswith("_KNOWN"):
            yield from _table(node.value)


def _is_error(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("SjcError") for base in node.bases)


def _called(node: ast.AST) -> str:
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def _table(node: ast.expr) -> Iterator[str]:
    for row in getattr(node, "elts", []):
        if isinstance(row, ast.Tuple):
            yield from _texts(row.elts[0])


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{what}" for part in node.values)
        yield from (text.replace("{what}", shape) for shape in SHAPES)
