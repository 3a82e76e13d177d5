#!/usr/bin/env bash
# The main job, end to end: a scene with a camera rig, an object from a prompt, pictures by Cycles.
#
#   demo.sh PROMPT PRESET FOLDER
set -euo pipefail

prompt=$1 preset=$2 out=$3
blender=build/bpy52
[ -e $blender/.ready ] || blender=build/bpy45
[ -e $blender/.ready ] || { echo "make demo needs Blender's module: see the messages above." >&2; exit 1; }

rm -rf "$out"
echo "Making ${prompt@Q} (preset $preset) with $($blender/bin/python -c 'import bpy; print("Blender", bpy.app.version_string)')."
PYTHONPATH=. $blender/bin/python -m demo.generate "$out" "$prompt" "$preset"
PYTHONPATH=. $blender/bin/python -m demo.render "$out/result.blend"
echo "The scene is $out/result.blend, the job's own pictures are in $out/job/result/."
