#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The completions for bash, zsh and fish offer every command and option that the program lists. Where
# zsh or fish is not installed, its file only has to name them.
# Usage: completions.sh FOLDER PROGRAM
set -eu
folder=$1
program=$2
missing=0

# offered_by SHELL WORD...: what is offered behind these words, commands and long options, one a line.
offered_by() {
    case $1 in
    bash)
        shift
        # shellcheck disable=SC2016 # Expanded by the bash that is started.
        bash -c '. "$0"
            for current in "" --; do
                COMP_WORDS=(killswitchd "$@" "$current") COMP_CWORD=$(($# + 1))
                _killswitchd
                printf "%s\n" "${COMPREPLY[@]}"
            done' "$folder/killswitchd.bash" "$@"
        ;;
    zsh)
        shift
        # What the script tells the shell of, without a terminal: its two words are stand-ins.
        # shellcheck disable=SC2016
        zsh -fc '_arguments() {
                print -rl -- "$@"
                if [[ "$*" == *"->command"* && -n $first ]]; then
                    state=argument words=($first)
                elif [[ "$*" == *"->command"* ]]; then
                    state=command
                fi
            }
            _describe() { print -rl -- "${(@P)4}" }
            first=$1; script=$0; shift $#; . $script' "$folder/_killswitchd" "$@" |
            sed -E -e 's/^[0-9]:+[a-z]+:\(([^)]*)\)$/\1/' -e 's/^\([^)]*\)//' -e 's/^([a-z-]+)[:[].*/\1/'
        ;;
    fish)
        shift
        # shellcheck disable=SC2016
        for current in '' --; do
            HOME=$work fish --no-config -c 'source $argv[1]; complete -C "killswitchd $argv[2..]"' \
                "$folder/killswitchd.fish" "$@" "$current"
        done | sed 's/\t.*//'
        ;;
    esac
}

# Long options and subcommands in a help text.
listed() {
    sed -n -E -e 's/^  (-[a-z],)? *(--[a-z-]+)( .*|$)/\2/p' -e 's/^  ([a-z-]+)( .*|$)/\1/p' | grep -v '^killswitchd$'
}

demand() { # SHELL COMMAND WORDS
    offered=$(offered_by "$1" ${2:+"$2"})
    for word in $3; do
        if ! printf '%s\n' "$offered" | grep -qxF -e "$word"; then
            echo "$1 does not offer '$word' behind 'killswitchd $2'"
            missing=1
        fi
    done
}

file_of() {
    case $1 in
    zsh) echo "$folder/_killswitchd" ;;
    *) echo "$folder/killswitchd.$1" ;;
    esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
words=$("$program" --help | listed)
[ "$(printf '%s\n' "$words" | wc -l)" -ge 18 ] || { echo 'the help was not understood' && exit 1; }
commands=$("$program" --help | sed -n -E '/^(Subcommands|SUBCOMMANDS):/,/^Examples:/s/^  ([a-z-]+) .*/\1/p')
for command in $commands; do
    "$program" "$command" --help | listed >"$work/$command"
done
for shell in bash zsh fish; do
    if ! command -v $shell >/dev/null; then
        for word in $words $(cat "$work"/*); do
            grep -qwF -e "${word#--}" "$(file_of $shell)" || { echo "$shell: '$word' is not named" && missing=1; }
        done
        continue
    fi
    $shell -n "$(file_of $shell)"
    demand $shell '' "$words"
    for command in $commands; do
        demand $shell "$command" "$(cat "$work/$command")"
    done
    if offered_by $shell arm | grep -qxF -e --drill; then echo "$shell offers an option of another command" && missing=1; fi
done
exit "$missing"
