#!/usr/bin/env bash
# Makes or completes one virtual environment, with uv.
#
#   make_environment.sh [--optional] FOLDER PYTHON_VERSION CHECK REQUIREMENTS.txt...
#
# CHECK is Python code that has to run in the finished environment. FOLDER/.ready is written when all went well.
# What is there already stays: only what the requirements name is added or changed.
# --optional: where it cannot be had, this is said and the script succeeds, but not if CI is set.
set -euo pipefail

optional=
[ "$1" = --optional ] && { optional=yes; shift; }
folder=$1 version=$2 check=$3
shift 3
uv=build/tools/bin/uv
python=$folder/bin/python

# pyenv's shims refuse the versions that are not its current one; the programs behind them work.
for bin in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin; do
  [ -d "$bin" ] && PATH=$bin:$PATH
done

give_up() {
  echo "NOT AVAILABLE: $folder ($1)" >&2
  [ -n "$optional" ] && [ "${CI:-}" != true ] && exit 0
  exit 1
}

rm -f "$folder/.ready"
if ! "$python" -c '' 2>/dev/null; then
  "$uv" venv --quiet --clear --python "$version" "$folder" || give_up "no Python $version"
fi
requirements=()
for file in "$@"; do requirements+=(--requirement "$file"); done
# The modules are compiled now: `import diffusers` takes twice as long from the sources.
"$uv" pip install --quiet --compile-bytecode --python "$python" \
  ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"} "${requirements[@]}" || give_up "its packages could not be installed"
timeout 120 "$python" -c "$check" || give_up "'$check' fails; scripts/install_system_libraries.sh may help"
touch "$folder/.ready"
echo "$folder: $("$python" --version), $(basename -a "$@" | paste -sd ' ')"
