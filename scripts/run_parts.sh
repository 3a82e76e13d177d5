#!/usr/bin/env bash
# Makes each of some targets, two at a time where the machine has two cores, and closes with a summary.
#
#   run_parts.sh TARGET...
#
# A target that fails does not stop the others. The output of each is kept in build/logs/TARGET.log and shown when it
# has ended. PARTS_AT_ONCE says how many are made at a time.
set -euo pipefail

cores=$(getconf _NPROCESSORS_ONLN)
at_once=${PARTS_AT_ONCE:-$((cores < 2 ? 1 : 2))}
# The cores are divided among them.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores / at_once > 0 ? cores / at_once : 1))}

mkdir -p build/logs
rm -f build/logs/*.verdict
failed=0
printf '%s\n' "$@" | xargs -P "$at_once" -n 1 scripts/run_part.sh || failed=1
printf '\n---- summary\n'
for target in "$@"; do
  cat "build/logs/$target.verdict" 2>/dev/null || { echo "FAILED   $target did not end"; failed=1; }
done
exit $failed
