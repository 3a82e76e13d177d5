#!/usr/bin/env bash
# Makes requirements/engine.txt and torch.txt from engine.in, and tools.txt from tools.in: exact versions that install on
# Linux, macOS and Windows, under the Pythons of Blender 4.5 and 5.2, with the hashes of their files.
# torch stands apart, without hashes: which of its files is right depends on the graphics card, and most of them are not
# on the package index but on PyTorch's own. CUDA's packages are left to it; it names their exact versions.
set -euo pipefail

# No settings of whoever makes them; no local wheels, whose version (+cpu) exists on no other machine.
compile() {
  UV_FIND_LINKS='' build/tools/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
    --no-header --no-annotate --generate-hashes "$1"
}

all=$(compile requirements/engine.in)
{
  echo "# The engine's packages but for torch. Made from engine.in by \`make requirements\`; install with --no-deps."
  # A requirement is a line that begins with a name, and the lines of its hashes.
  awk '/^[a-z]/ { kept = !/^(nvidia-|cuda-|triton|torch==)/ && !/== .emscripten./ } kept' <<<"$all" |
    sed "s/ ; sys_platform != 'emscripten'//"
} >requirements/engine.txt.new
{
  echo "# The engine's torch, in the build for the graphics card at hand. Made from engine.in by \`make requirements\`."
  sed -nE 's/^(torch==[^ ]+).*/\1/p' <<<"$all"
} >requirements/torch.txt.new
{
  echo "# The installer. Made from tools.in by \`make requirements\`."
  compile requirements/tools.in
} >requirements/tools.txt.new
for name in engine torch tools; do mv "requirements/$name.txt.new" "requirements/$name.txt"; done
