#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the boot stage makes of a machine on which something is broken: `broken_boots.sh PROGRAM`.
# Each case has a network namespace and directories of its own.
set -eu
program=$1
if [ "${2:-}" != inside ]; then
    command -v nft >/dev/null || exit 77
    for propagation in private unchanged; do  # The second in a chroot.
        if unshare -mn --propagation "$propagation" true 2>/dev/null; then
            exec unshare -mn --propagation "$propagation" sh "$0" "$program" inside
        fi
    done
    exit 77
fi
work=$(mktemp -d)
trap 'umount "$work/state" 2>/dev/null || true; rm -rf "$work"' EXIT
failed=0

ks() { "$program" --config "$work/killswitchd.yaml" --state-dir "$work/state" --runtime-dir "$work/run" "$@"; }
table() { nft list table inet killswitchd 2>/dev/null; }
fail() {
    failed=$((failed + 1))
    printf 'FAILED: %s: %s\n' "$case" "$*"
    cat "$work/output"
}
# begin NAME: a healthy, armed machine whose kernel holds nothing.
begin() {
    case=$1
    umount "$work/state" 2>/dev/null || true
    rm -rf "$work/state" "$work/run"
    mkdir -p "$work/state"
    cat >"$work/killswitchd.yaml" <<'END'
version: 1
mode: always
tunnels: [{ interface: wg0, endpoints: ["203.0.113.7:51820/udp"] }]
END
    chmod 0600 "$work/killswitchd.yaml"
    nft flush ruleset
    if table; then fail 'the table is there before the boot stage'; fi
}
# run CODE WORDS...: the command ends with that code.
run() {
    wanted=$1
    shift
    code=0
    ks "$@" >"$work/output" 2>&1 || code=$?
    [ "$code" -eq "$wanted" ] || fail "'$*' ended with $code, not $wanted"
}
# intend WORD...: the file in which a command keeps what was asked for.
intend() {
    { echo 'killswitchd intents 1'; printf '%s\n' "$@" end; } >"$work/state/intents"
    chmod 0600 "$work/state/intents"
}
says() { grep -q -- "$1" "$work/output" || fail "does not say '$1'"; }
locked() { table | grep -q 51820 || fail 'not locked by the config'; }
built_in() {
    table >/dev/null || fail 'no table'
    if table | grep -q 51820; then fail 'not the built-in lock'; fi
}
is_open() { if table >/dev/null; then fail 'not open'; fi; }

begin 'nothing is broken'
run 0 boot
locked
begin 'disarmed'
intend disarmed
run 0 boot
is_open
begin 'disarmed, but the initramfs has locked'
intend disarmed
nft -f rules/builtin-lock.nft
run 0 boot
is_open
begin 'armed, and the initramfs has locked'
nft -f rules/builtin-lock.nft
run 0 boot
locked
begin 'the config is missing'
rm "$work/killswitchd.yaml"
run 5 boot
built_in
says 'killswitchd disarm'
begin 'the config is broken'
echo 'mode: sometimes' >>"$work/killswitchd.yaml"
run 5 boot
built_in
says 'killswitchd.yaml:'
begin 'the config can be written by others'
chmod 0666 "$work/killswitchd.yaml"
run 5 boot
built_in
begin 'the config is broken while rules stand'
run 0 boot
rm "$work/killswitchd.yaml"
run 5 boot
locked
begin 'the config is broken and the machine is disarmed'
run 0 boot
intend disarmed
rm "$work/killswitchd.yaml"
run 5 boot
is_open
begin 'the state directory is missing'
rmdir "$work/state"
run 0 boot
locked
begin 'the intents are damaged'
head -c 100 /dev/zero >"$work/state/intents"
run 0 boot
locked
says damaged
begin 'the intents are empty, as after a full disk'
: >"$work/state/intents"
run 0 boot
locked
begin 'the intents are damaged, and one of them was panic'
echo panic >"$work/state/intents"
run 0 boot
built_in
begin 'the state directory is read-only'
run 0 boot
mount -t tmpfs -o ro tmpfs "$work/state"
run 1 disarm
is_open
says 'older decision'
begin 'the state directory is full'
run 0 boot
mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs "$work/state"
touch "$work/state/filler"
run 1 disarm
is_open
says 'older decision'
begin 'the state directory is read-only, and an older decision opens'
intend disarmed
chmod 0755 "$work/state"
mount --bind "$work/state" "$work/state"
mount -o remount,bind,ro "$work/state"
run 1 arm
locked
says 'older decision'
umount "$work/state"

begin 'boot: open, and nothing was in force'
echo 'boot: open' >>"$work/killswitchd.yaml"
run 0 boot
is_open
begin 'boot: open, but the service that died had locked in this boot'
echo 'boot: open' >>"$work/killswitchd.yaml"
run 0 arm
locked
run 0 boot
locked
rm -r "$work/run"  # As a reboot does.
run 0 boot
is_open
begin 'on-drop with boot: lock'
sed -i 's/always/on-drop/' "$work/killswitchd.yaml"
echo 'boot: lock' >>"$work/killswitchd.yaml"
run 0 boot
locked
begin 'on-drop, and a tunnel had come up in this boot'
sed -i 's/always/on-drop/' "$work/killswitchd.yaml"
run 0 boot
is_open
run 0 arm
run 0 boot
locked

begin 'the gate of a machine without a lock'
run 3 boot --gate
says 'killswitchd disarm'
begin 'the gate of a locked machine'
run 0 boot
run 0 boot --gate
begin 'the gate of a machine with a broken config'
rm "$work/killswitchd.yaml"
run 3 boot --gate
run 5 boot
run 0 boot --gate
begin 'the gate of a disarmed machine'
intend disarmed
run 0 boot --gate

[ "$failed" -eq 0 ]
