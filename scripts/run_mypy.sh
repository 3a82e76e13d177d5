#!/usr/bin/env bash
# Runs mypy over some files, with the types that one environment has.
#
#   run_mypy.sh ENVIRONMENT PYTHON_VERSION FOLDER...
set -euo pipefail

environment=$1 version=$2
shift 2
[ -e "$environment/.ready" ] || { echo "skipped: $environment is not available"; exit 0; }
sources=()
for folder in "$@"; do
  if [ -n "$(find "$folder" -name '*.py' 2>/dev/null | head -n 1)" ] || [ "${CI:-}" = true ]; then sources+=("$folder"); fi
done
[ ${#sources[@]} -gt 0 ] || { echo "skipped: nothing in $* yet"; exit 0; }
exec build/lint/bin/mypy --python-executable "$environment/bin/python" --python-version "$version" \
  --cache-dir "build/mypy/$(basename "$environment")" "${sources[@]}"
