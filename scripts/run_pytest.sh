#!/usr/bin/env bash
# Runs pytest over some folders in one environment, in a process of its own that cannot hang.
#
#   run_pytest.sh ENVIRONMENT SECONDS FOLDER...
#
# Tests that are not there yet are tolerated, but not if CI is set.
set -euo pipefail

environment=$1 seconds=$2
shift 2
[ -e "$environment/.ready" ] || { echo "skipped: $environment is not available"; exit 0; }

folders=()
for folder in "$@"; do
  if [ -d "$folder" ] || [ "${CI:-}" = true ]; then folders+=("$folder"); else echo "No $folder yet."; fi
done
[ ${#folders[@]} -gt 0 ] || { echo "skipped: no tests yet"; exit 0; }

# As many threads as cores, which sleep while they wait: several processes share them.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(getconf _NPROCESSORS_ONLN)} OMP_WAIT_POLICY=passive
# No test may depend on what a model hub answers.
export HF_HUB_OFFLINE=1
code=0
# shellcheck disable=SC2086  # PYTEST_ARGS is a list
timeout --kill-after=20 "$seconds" "$environment/bin/python" -m pytest ${PYTEST_ARGS:-} "${folders[@]}" || code=$?
case $code in
  5) [ "${CI:-}" = true ] || { echo "skipped: no tests yet"; code=0; } ;;
  124 | 137) echo "$environment: pytest did not end within $seconds seconds" >&2 ;;
esac
exit $code
