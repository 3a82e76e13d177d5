#!/usr/bin/env bash
# Makes the manual's pictures of the interface anew in a windowed Blender: a first object from the factory scene by real
# clicks, the states of the sidebar, and the looks of a Volume.
#
#   screenshots.sh ZIP
#
# WINDOWED_BLENDER is a command that runs the Python file that follows it in a window of 1280 x 800 pixels, with xdotool
# and ImageMagick at hand, for a Blender that is not in the PATH. The pictures are in docs/images when all of them are
# made. Cycles' pictures of Volumes are made by the bpy module.
set -euo pipefail

SJC_PACKAGE=$PWD/$1
work=$PWD/build/screenshots
export SJC_PACKAGE BLENDER_USER_RESOURCES=$work/user XDG_DATA_HOME=$work/home
export SJC_ENGINE_PYTHON=${SJC_ENGINE_PYTHON:-$PWD/build/engine/bin/python}
rm -rf "$work"
mkdir -p "$work/home"

in_a_window() {  # in_a_window SCRIPT FOLDER [NAME=VALUE...]
  local script=$1 pictures=$work/$2
  mkdir -p "$pictures"
  rm -f "$pictures/done"
  shift 2
  local blender=(xvfb-run -a -s "-screen 0 1280x800x24"
    blender --factory-startup --window-geometry 0 0 1280 800 --python)
  # shellcheck disable=SC2206  # a command and its arguments
  [ -z "${WINDOWED_BLENDER:-}" ] || blender=($WINDOWED_BLENDER)
  env SJC_PICTURES="$pictures" "$@" "${blender[@]}" "$script"
  [ -e "$pictures/done" ] || { echo "$script: not all pictures were made; see above." >&2; exit 1; }
}

in_a_window demo/first_object.py first-object
SJC_JOB=$(cat "$work/first-object/job.txt")
export SJC_JOB
in_a_window demo/volume_looks.py volume-looks
SJC_PICTURES=$work/volume-looks PYTHONPATH=$PWD build/bpy52/bin/python -m demo.blender -b --python demo/volume_looks.py
for session in queue states history rig models pictures; do  # in this order: the second finds what the first has left
  in_a_window demo/panel_states.py panel SJC_SESSION=$session
done
# An index that cannot be reached: what a set-up says then.
in_a_window demo/panel_states.py panel SJC_SESSION=setup SJC_ENGINE_PYTHON= PIP_FIND_LINKS= \
  PIP_INDEX_URL=http://127.0.0.1:9/simple

"$SJC_ENGINE_PYTHON" scripts/picture_files.py "$work" docs/images
