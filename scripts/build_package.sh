#!/usr/bin/env bash
# Builds the extension's zip from a staged folder with Blender's own tool, and has the folder and the zip validated
# by the tool of every Blender at hand.
#
#   build_package.sh FOLDER ZIP BLENDER_EXT.py...
set -euo pipefail

folder=$1 zip=$2
shift 2
tools=()
for tool in "$@"; do
  if [ -e "$tool" ]; then tools+=("$tool"); else echo "Not validated by $tool: it is not available."; fi
done
[ ${#tools[@]} -gt 0 ] || { echo "No Blender is available to build the package." >&2; exit 1; }

mkdir -p "$(dirname "$zip")"
# Each tool runs in the Python of its own Blender.
run() { "${1%%/lib/*}/bin/python" "$@"; }

for tool in "${tools[@]}"; do run "$tool" validate "$folder"; done
rm -f "$zip"
run "${tools[0]}" build --source-dir "$folder" --output-filepath "$zip"
for tool in "${tools[@]}"; do run "$tool" validate "$zip"; done
echo "$zip: $(wc -c <"$zip") bytes, valid for ${#tools[@]} version(s) of Blender"
