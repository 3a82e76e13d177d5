#!/usr/bin/env bash
# Makes one target: its output goes to build/logs/TARGET.log, a line of the summary to TARGET.verdict.
set -uo pipefail

target=$1
log=build/logs/$target.log
start=$SECONDS
echo "...      $target"
if make --no-print-directory "$target" >"$log" 2>&1 </dev/null; then verdict=ok; else verdict=FAILED; fi
last=$(grep -v '^make' "$log" | sed 's/\x1b\[[0-9;]*m//g; s/^=* //; s/ =*$//' | tail -n 1 | cut -c1-80)
case $verdict:$last in
  ok:skipped:*) verdict=skipped last=${last#skipped: } ;;
  ok:flaky:*) verdict=flaky last=${last#flaky: } ;;
esac
line=$(printf '%-8s %-16s %5ds  %s' "$verdict" "$target" $((SECONDS - start)) "$last")
echo "$line" >"build/logs/$target.verdict"
# In one write, so that the outputs of two parts are not mixed.
shown=$(printf '\n---- make %s\n' "$target"; cat "$log"; echo "$line")
printf '%s\n' "$shown"
[ "$verdict" != FAILED ]
