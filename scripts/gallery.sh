#!/usr/bin/env bash
# Makes every picture of docs/gallery.md anew, by the commands that stand there, in build/gallery.
#
#   gallery.sh [PRESET]
#
# With a preset it is a trial: jobs that name none are made with that one, and the pictures stay in build/gallery/pictures.
# BLENDER is a program to use instead of the module in build/.
set -euo pipefail

repository=$PWD trial=${1:-} work=$PWD/build/gallery
export repository BLENDER=${BLENDER:-} SJC_ENGINE_PYTHON=${SJC_ENGINE_PYTHON:-$PWD/build/engine/bin/python}
export BLENDER_USER_RESOURCES=$work/user
rm -rf "$work"
mkdir -p "$work/user/extensions/user_default"
python3 scripts/stage_package.py "$work/user/extensions/user_default/sjc_blender"
ln -s "$repository/demo" "$work/demo"

source scripts/documented_commands.sh

[ -z "$BLENDER" ] || blender -b --python-expr "import addon_utils, bpy
addon_utils.enable('bl_ext.user_default.sjc_blender', default_set=True)
bpy.ops.wm.save_userpref()"

awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' docs/gallery.md >"$work/commands.sh"
[ -z "$trial" ] || sed -i -E "/--preset/! s/sjc (generate|batch)/& --preset $trial/" "$work/commands.sh"
cd "$work"
bash -euvo pipefail commands.sh

# The same pixels in smaller files.
"$SJC_ENGINE_PYTHON" - <<'END'
from pathlib import Path

from PIL import Image

for path in sorted(Path("pictures").rglob("*.png")):
    picture = Image.open(path)
    picture.load()
    picture.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
END
[ -z "$trial" ] || exit 0
rm -rf "$repository/docs/images/gallery"
find pictures -name '*.png' | while read -r picture; do
  copy=$repository/docs/images/gallery/${picture#pictures/}
  mkdir -p "$(dirname "$copy")"
  cp "$picture" "$copy"
done
