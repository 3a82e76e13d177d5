"""``python -m sjc_blender.engine``: see `sjc_blender.engine.cli`."""

import os
import sys

# Before torch is imported: waiting OpenMP threads must sleep. By default they spin, and with any busy
# neighbour (Blender's viewport) a two-thread torch then runs several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
