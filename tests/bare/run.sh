#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh LOGS [SUITE...]: proves each suite, one after the other, whatever became of the one before,
# and keeps a log of each in LOGS. Called by `./dev test --bare`.
set -eu
cd "$(dirname "$0")/../.."

logs=$1
shift
[ "${1:-}" != all ] || set -- bookworm trixie sid
[ $# -gt 0 ] || set -- bookworm
for suite in "$@"; do
    case $suite in
    bookworm | trixie | sid) ;;
    *)
        echo "bare: unknown suite '$suite': bookworm, trixie, sid or all" >&2
        exit 2
        ;;
    esac
done

trap '[ -z "${running:-}" ] || kill "$running" 2>/dev/null && wait' EXIT
trap 'exit 130' INT TERM HUP

mkdir -p "$logs"
passed=0
failed=0
lines=''
for suite in "$@"; do
    log=$logs/$suite.log
    : >"$log" # tail does not wait for it to appear.
    sh tests/bare/suite.sh "$suite" >"$log" 2>&1 </dev/null &
    running=$!
    tail -n +1 -f --pid="$running" "$log" &
    if wait "$running"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    running=''
    wait
    lines="$lines$(tail -n 1 "$log"); log: $log
"
done
printf '%s' "$lines"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
