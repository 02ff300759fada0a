#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Proves `./dev demo` and `./dev test` on a freshly unpacked minimal Debian, with nothing of this
# machine but its kernel, its package mirror and its name resolution. Called by `./dev test --bare`.
# KS_BARE_VERBS limits the verbs, KS_BARE_SUITE names another release (default: bookworm).
set -eu
cd "$(dirname "$0")/../.."

suite=${KS_BARE_SUITE:-bookworm}
verbs=${KS_BARE_VERBS:-demo test}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/killswitchd-bare
tarball=$cache/$suite-minbase.tar

say() { printf '== %s\n' "$*"; }

work=$(mktemp -d "${TMPDIR:-/tmp}/killswitchd-bare.XXXXXX")
root=$work/root
# The mounts below live in a namespace that ends with its processes, so only plain files remain here.
clean_up() {
    if [ -n "${inside:-}" ]; then
        kill "$inside" 2>/dev/null || true
        wait "$inside" 2>/dev/null || true
    fi
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# One "URI RELEASE COMPONENT" line for each Debian source of this machine that serves the suite.
debian_sources() {
    # shellcheck disable=SC2016  # apt's own placeholders.
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)' |
        awk -v suite="$suite" '$4 == "Packages" && ($2 == suite || index($2, suite "-") == 1) {
            print $1, $2, $3 }' | sort -u
}

fetch_base() {
    [ ! -f "$tarball" ] || return 0
    say "unpacking a minimal Debian $suite from this machine's mirror (two minutes)"
    mirror=$(awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }' "$work/sources")
    mkdir -p "$cache" "$work/base"
    # The child process must not see this machine's package configuration, only its mirror.
    if ! debootstrap --variant=minbase "$suite" "$work/base" "$mirror" >"$work/log" 2>&1; then
        tail -20 "$work/log" >&2
        echo "bare: debootstrap failed for '$suite'" >&2
        exit 1
    fi
    tar -C "$work/base" --exclude='./var/cache/apt/archives/*.deb' --exclude='./dev/*' \
        -cf "$tarball.new" .
    mv "$tarball.new" "$tarball"
    rm -rf --one-file-system "$work/base"
}

# Proxies and time-outs are the machine's own; hooks and index settings would name absent programs.
copy_network_settings() {
    rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
    sed 's/^/deb /' "$work/sources" >"$root/etc/apt/sources.list"
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' \
        >"$root/etc/apt/apt.conf.d/90machine" || true
    for name in resolv.conf hosts; do
        if [ -e "/etc/$name" ]; then
            cp -L "/etc/$name" "$root/etc/$name"
        fi
    done
    if grep -q '^https' "$work/sources" && [ -f /etc/ssl/certs/ca-certificates.crt ]; then
        mkdir -p "$root/etc/ssl/certs"
        cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    fi
}

copy_tree() {
    mkdir -p "$root/src/killswitchd"
    git -c safe.directory="$PWD" archive HEAD | tar -C "$root/src/killswitchd" -xf -
}

run_inside() {
    ROOT=$root unshare --mount --pid --fork --kill-child --propagation private \
        sh tests/bare/enter.sh "$@" &
    inside=$!
    status=0
    wait "$inside" || status=$?
    inside=
    return "$status"
}

debian_sources >"$work/sources"
if ! [ -s "$work/sources" ]; then
    echo "bare: no Debian source for '$suite' in apt's configuration; run apt-get update or set KS_BARE_SUITE" >&2
    exit 1
fi
fetch_base
mkdir "$root"
say 'copying the tree as committed (seconds)'
tar -C "$root" -xf "$tarball"
copy_network_settings
copy_tree

failed=0
passed=0
for verb in $verbs; do
    say "bare Debian $suite: ./dev $verb"
    if run_inside "$verb"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        say "FAILED on a bare Debian $suite: ./dev $verb"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
