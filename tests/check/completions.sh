#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The completions parse, and offer every command and option that the program lists.
# Usage: completions.sh SCRIPT PROGRAM
set -eu
command -v bash >/dev/null || exit 77
bash -n "$1"

# What is offered behind the words given.
offered() {
    # shellcheck disable=SC2016 # Expanded by the bash that is started.
    bash -c '. "$0"; COMP_WORDS=(killswitchd "$@" ""); COMP_CWORD=$(($# + 1)); _killswitchd
        printf "%s\n" "${COMPREPLY[@]}"' "$script" "$@"
}

# Long options and subcommands in a help text.
listed() {
    sed -n -E -e 's/^  (-[a-z],)? *(--[a-z-]+)( .*|$)/\2/p' -e 's/^  ([a-z]+)( .*|$)/\1/p' |
        grep -v '^killswitchd$'
}

script=$1
missing=0
demand() { # OFFERED WORD...
    for word in $2; do
        if ! printf '%s\n' "$1" | grep -qxF -e "$word"; then
            echo "$script does not offer '$word' behind 'killswitchd $3'"
            missing=1
        fi
    done
}

words=$("$2" --help | listed)
demand "$(offered)" "$words" ''
for command in $("$2" --help | sed -n -E '/^(Subcommands|SUBCOMMANDS):/,/^Examples:/s/^  ([a-z]+) .*/\1/p'); do
    options=$("$2" "$command" --help | listed)
    all=$(offered "$command")
    [ "$command" = check ] && all=$(printf '%s\n--help\n--offline\n' "$all")
    demand "$all" "$options" "$command"
done
[ "$(printf '%s\n' "$words" | wc -l)" -ge 18 ] || { echo 'the help was not understood' && exit 1; }
exit "$missing"
