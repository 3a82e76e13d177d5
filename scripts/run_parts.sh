#!/usr/bin/env bash
# Makes each of some targets, whether or not the one before failed, and closes with a summary.
#
#   run_parts.sh TARGET...
#
# The output of each is kept in build/logs/TARGET.log.
set -uo pipefail

logs=build/logs
mkdir -p "$logs"
summary=()
failed=0
for target in "$@"; do
  printf '\n---- make %s\n' "$target"
  start=$SECONDS
  if make --no-print-directory "$target" 2>&1 | tee "$logs/$target.log"; then verdict=ok; else verdict=FAILED failed=1; fi
  last=$(grep -v '^make' "$logs/$target.log" | sed 's/\x1b\[[0-9;]*m//g; s/^=* //; s/ =*$//' | tail -n 1 | cut -c1-80)
  case $verdict:$last in ok:skipped:*) verdict=skipped last=${last#skipped: } ;; esac
  summary+=("$(printf '%-8s %-16s %5ds  %s' "$verdict" "$target" $((SECONDS - start)) "$last")")
done
printf '\n---- summary\n'
printf '%s\n' "${summary[@]}"
exit $failed
