#!/usr/bin/env bash
# Makes requirements/engine.txt from engine.in: exact versions that install with pip on Linux, macOS and Windows,
# under the Pythons of Blender 4.5 and 5.2.
set -euo pipefail

{
  echo "# The engine's environment: exact versions for every platform. Made from engine.in by \`make requirements\`."
  echo "# CUDA's packages are left to the build of torch that gets installed; it names its own exact versions."
  # No local wheels: their version (+cpu) exists on no other machine.
  UV_FIND_LINKS='' build/tools/bin/uv pip compile --quiet --universal --python-version 3.11 \
    --no-header --no-annotate requirements/engine.in |
    sed -E "/^(nvidia-|cuda-|triton)/d; /== 'emscripten'/d; s/ ; sys_platform != 'emscripten'//"
} >requirements/engine.txt.new
mv requirements/engine.txt.new requirements/engine.txt
