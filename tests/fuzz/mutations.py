"""Inputs near valid ones: JSON whose parts are exchanged, and bytes cut, flipped and stretched."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**309, 10**312)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["{prompt:>30000000}", "../../../x", "\u2028", "\x1b[2J", "\ud800", "1e999", "/dev/zero", "a" * 5000]
    )
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def near(example: bytes) -> st.SearchStrategy[bytes]:
    """Give inputs near `example`."""
    strategies = [st.binary(max_size=300), _bytes_near(example)]
    try:
        value = json.loads(example)
    except ValueError:
        value = None
    if isinstance(value, (dict, list)):
        strategies.append(_json_near(value))
    return st.one_of(strategies)


@st.composite
def _bytes_near(draw: st.DrawFn, example: bytes) -> bytes:
    content = bytearray(example)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(["cut", "flip", "insert", "repeat"])):
            case "cut":
                del content[at:]
            case "flip" if content:
                content[at] ^= draw(st.integers(1, 255))
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "repeat":
                content[at:at] = content[at : at + 40] * draw(st.integers(1, 20))
    return bytes(content)


@st.composite
def _json_near(draw: st.DrawFn, value: Any) -> bytes:
    changed = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(changed))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if isinstance(holder, dict) and draw(st.integers(0, 4)) == 0:
            holder[draw(st.text(max_size=8))] = holder.pop(key)
        else:
            holder[key] = draw(TREES)
    return json.dumps(changed).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
