#!/usr/bin/env bash
# Runs the tests that need a Blender program: SJC_BLENDER has the words that start it, SJC_BLENDER_WINDOW those that
# start it in a window with xdotool at hand.
set -euo pipefail

if [ -z "${SJC_BLENDER:-}" ]; then
  echo "skipped: SJC_BLENDER names no Blender program; test-addon-* cover the module, scripts/gallery.sh the documents"
  exit 0
fi
scripts/run_pytest.sh build/engine tests/blender
