"""How long Blender takes to switch the add-on on: ``python -m benchmarks.in_blender.register --out FILE``.

What `addon_utils.enable` does with an extension: import its package, call its `register`. Nothing of it is imported
before.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import bpy


def main() -> None:
    """Write the seconds, by the clock and of the processor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    bpy.ops.wm.read_factory_settings()
    assert not any(name.partition(".")[0] == "sjc_blender" for name in sys.modules)
    clock, processor = time.perf_counter(), time.process_time()
    import sjc_blender

    sjc_blender.register()
    seconds = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
    sjc_blender.unregister()
    written = {"blender": bpy.app.version_string, "seconds": seconds}
    arguments.out.write_text(json.dumps(written), encoding="utf-8")


if __name__ == "__main__":
    main()
