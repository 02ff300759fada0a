#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# suite.sh SUITE: proves `./dev demo` and `./dev test` on a freshly unpacked minimal Debian, with
# nothing of this machine but its kernel, its package mirror and its name resolution. The last line
# says what passed and how long it took. KS_BARE_VERBS names other verbs.
set -eu
cd "$(dirname "$0")/../.."

suite=$1
verbs=${KS_BARE_VERBS:-demo test}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/killswitchd-bare
longest=7200 # Seconds, against a hang: no measure of speed.

say() { printf '== %s\n' "$*"; }

die() {
    echo "$suite: FAILED: $*"
    exit 1
}

work=$(mktemp -d "${TMPDIR:-/tmp}/killswitchd-bare.XXXXXX")
root=$work/root
# The mounts below live in a namespace that ends with its processes, so only plain files remain here.
clean_up() {
    if [ -n "${inside:-}" ]; then
        end_inside
        wait "$inside" 2>/dev/null || true
    fi
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# unshare ignores SIGTERM while it waits for its child, and takes the child along when it is killed.
end_inside() { kill -KILL "$inside" 2>/dev/null || true; }

# One "URI RELEASE COMPONENT" line for each Debian source of this machine that serves the suite. The
# mirror of one suite serves the others.
debian_sources() {
    # shellcheck disable=SC2016  # apt's own placeholders.
    apt-get indextargets --format \
        '$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY) $(ORIGIN) $(LABEL)' >"$work/targets"
    awk -v suite="$suite" '$4 == "Packages" && ($2 == suite || index($2, suite "-") == 1) {
        print $1, $2, $3 }' "$work/targets" | sort -u >"$work/sources"
    [ -s "$work/sources" ] ||
        awk -v suite="$suite" '$4 == "Packages" && $3 == "main" && $5 == "Debian" && $6 == "Debian" {
            print $1, suite, $3; exit }' "$work/targets" >"$work/sources"
    [ -s "$work/sources" ] ||
        die 'no Debian source in the configuration of apt; run apt-get update first'
}

# The release file names the packages: as long as it is the same, so is what debootstrap unpacks.
fetch_base() {
    mirror=$(awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }' "$work/sources")
    /usr/lib/apt/apt-helper download-file "${mirror%/}/dists/$suite/InRelease" "$work/InRelease" \
        >"$work/log" 2>&1 || {
        cat "$work/log"
        die "its mirror does not serve it"
    }
    tarball=$cache/$suite-$(sha256sum <"$work/InRelease" | cut -c -16).tar
    [ ! -f "$tarball" ] || return 0
    say "unpacking a minimal Debian $suite from this machine's mirror (two minutes)"
    mkdir -p "$cache" "$work/base"
    # A debootstrap older than the suite has no script of that name; all are the one of sid.
    debootstrap --variant=minbase "$suite" "$work/base" "$mirror" \
        /usr/share/debootstrap/scripts/sid >"$work/log" 2>&1 || {
        tail -20 "$work/log"
        die 'debootstrap'
    }
    rm -f "$cache/$suite"-*.tar
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
    timeout "$longest" tail -f --pid="$inside" /dev/null &
    wait $! || {
        say "not done after $longest s"
        end_inside
    }
    status=0
    wait "$inside" || status=$?
    inside=
    return "$status"
}

debian_sources
fetch_base
mkdir "$root"
say 'copying the tree as committed (seconds)'
tar -C "$root" -xf "$tarball"
copy_network_settings
copy_tree

failed=0
results=''
for verb in $verbs; do
    say "bare Debian $suite: ./dev $verb"
    began=$(date +%s)
    if run_inside "$verb"; then
        result=passed
    else
        result=FAILED
        failed=1
    fi
    results="$results, $verb $result in $(($(date +%s) - began)) s"
done
echo "$suite: ${results#, }"
[ "$failed" -eq 0 ]
