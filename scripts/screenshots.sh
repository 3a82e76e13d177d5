#!/usr/bin/env bash
# Makes the pictures of docs/first-object.md anew: a first object in a windowed Blender from the factory scene, and the
# looks of its Volume.
#
#   screenshots.sh
#
# WINDOWED_BLENDER is a command that runs the Python file that follows it in a window of 1280 x 800 pixels, for a Blender
# that is not in the PATH. The pictures are in docs/images when all of them are made. Cycles' are made by the bpy module.
set -euo pipefail

work=$PWD/build/screenshots
export BLENDER_USER_RESOURCES=$work/user
export SJC_ENGINE_PYTHON=${SJC_ENGINE_PYTHON:-$PWD/build/engine/bin/python}
rm -rf "$work"
mkdir -p "$work/first-object" "$work/volume-looks" "$work/user/extensions/user_default"
python3 scripts/stage_package.py "$work/user/extensions/user_default/sjc_blender"

in_a_window() {  # in_a_window SCRIPT FOLDER
  export SJC_PICTURES=$work/$2
  if [ -n "${WINDOWED_BLENDER:-}" ]; then
    # shellcheck disable=SC2086  # a command and its arguments
    $WINDOWED_BLENDER "$1"
  else
    xvfb-run -a -s "-screen 0 1280x800x24" \
      blender --factory-startup --window-geometry 0 0 1280 800 --python "$1"
  fi
  [ -e "$SJC_PICTURES/done" ] || { echo "$1: not all pictures were made; see above." >&2; exit 1; }
}

in_a_window demo/first_object.py first-object
SJC_JOB=$(cat "$work/first-object/job.txt")
export SJC_JOB
in_a_window demo/volume_looks.py volume-looks
PYTHONPATH=$PWD build/bpy52/bin/python -m demo.blender -b --python demo/volume_looks.py

"$SJC_ENGINE_PYTHON" - "$work" docs/images <<'END'
import sys
from pathlib import Path

from PIL import Image

made, images = map(Path, sys.argv[1:])
for path in sorted(made.glob("*/*.png")):
    target = images / path.relative_to(made)
    target.parent.mkdir(parents=True, exist_ok=True)
    # 256 colours are enough for these, and a tenth of the file.
    Image.open(path).convert("RGB").quantize(256).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")
END
