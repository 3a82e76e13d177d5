#!/usr/bin/env bash
# Runs pytest over some folders in one environment, in a process of its own.
#
#   run_pytest.sh ENVIRONMENT FOLDER...
#
# Each test has a time limit (pyproject.toml), the run as a whole has none but the hours of a hung interpreter: a slow
# machine takes longer, and that is no failure.
# Tests that are not there yet are tolerated, but not if CI is set.
set -euo pipefail

environment=$1
shift
[ -e "$environment/.ready" ] || { echo "skipped: $environment is not available"; exit 0; }

folders=()
for folder in "$@"; do
  if [ -d "$folder" ] || [ "${CI:-}" = true ]; then folders+=("$folder"); else echo "No $folder yet."; fi
done
[ ${#folders[@]} -gt 0 ] || { echo "skipped: no tests yet"; exit 0; }

# As many threads as cores, which sleep while they wait: several processes share them.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(getconf _NPROCESSORS_ONLN)} OMP_WAIT_POLICY=passive
# No test may depend on what a model hub answers, nor on any other machine; those of installations need an index of
# packages (NETWORK=yes).
export HF_HUB_OFFLINE=1
offline=(scripts/offline.sh)
[ "${NETWORK:-}" = yes ] && offline=()
eval "arguments=(${PYTEST_ARGS:-})"  # a list, whose parts may be quoted
# Runs at the same time must not read each other's list of failures.
cache=build/pytest/$(echo "$environment ${folders[*]}" | tr '/ ' '__')
run() {
  timeout --kill-after=20 4h "${offline[@]}" "$environment/bin/python" -m pytest -o "cache_dir=$cache" "${arguments[@]}" "$@"
}
code=0
run "${folders[@]}" || code=$?
# What fails once and passes when it is tried again is no reason to refuse a change, and no secret either.
if [ $code = 1 ] && [ "${CI:-}" = true ]; then
  failed=$(grep -c '": true' "$cache/v/cache/lastfailed" || true)
  if [ "$failed" -le 3 ]; then
    printf '\n%s failed; once more, alone:\n' "$failed"
    failures=$(sed -n 's/^ *"\(.*\)": true,*$/\1/p' "$cache/v/cache/lastfailed")
    if run --last-failed --last-failed-no-failures none "${folders[@]}"; then
      code=0
      printf '%s\n' "$failures"
      echo "flaky: $failed failed, and passed alone"
    fi
  fi
fi
[ $code = 5 ] && [ "${CI:-}" != true ] && { echo "skipped: no tests yet"; code=0; }
exit $code
