# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sjc_blender.engine``: see `sjc_blender.engine.commands.cli`."""

import os
import sys

# Before torch is imported: waiting OpenMP threads must sleep. By default they spin, and with any busy
# neighbour (Blender's viewport) a two-thread torch then runs several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if __name__ == "__main__":
    from .this_process.library_path import leave_foreign_libraries

    leave_foreign_libraries()
    if sys.argv[1:2] == ["doctor"]:
        # Before the other subcommands: it has to work where the packages that they need are missing.
        from .commands.doctor import main
    else:
        from .this_process.allocation import keep_freed_memory
        from .this_process.offline import stay_offline

        if "download" not in sys.argv[1:]:
            stay_offline()  # before anything imports the hub's library
        from .commands.cli import main

        keep_freed_memory()
    sys.exit(main())
