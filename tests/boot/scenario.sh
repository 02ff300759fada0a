#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the virtual machine, once it is up: does to the lock what happens to locks. Every
# phase is marked on the wire; what may leave in it is judged outside. Ends by powering off.
set -u
exec >/dev/console 2>&1

# within COMMAND...: it succeeds before too long.
within() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] && /boot-test/chatter wait 5 || return 1
    done
}
phase() {
    check /boot-test/chatter wait 25
    if [ -e /boot-test/no-nf_tables ]; then  # Then there may be no network to mark.
        /boot-test/chatter mark "$1"
    else
        within /boot-test/chatter mark "$1"
    fi
    echo "boot-test: phase $1"
}
check() {
    if "$@"; then echo "boot-test: ok $*"; else echo "boot-test: FAILED $*"; fi
}
stands() { nft list table inet killswitchd >/dev/null 2>&1; }
fallback_stands() { nft list table inet killswitchd-fallback >/dev/null 2>&1; }
closed() { stands || fallback_stands; }
gone() { ! closed; }
says() { killswitchd status | head -n 1 | grep -q "^$1"; }
serves() { systemctl is-active -q killswitchd.service && killswitchd status >/dev/null; }
active() { within serves; }

systemctl is-system-running --wait
phase up
if grep -q boot-test.ipsec /proc/cmdline; then
    # shellcheck source=tests/boot/ipsec.sh
    . /boot-test/ipsec.sh
    phase shutdown
    systemctl poweroff
    exit
fi
if grep -q killswitchd=off /proc/cmdline; then
    check gone
fi
network_is_down() { ! systemctl is-active -q systemd-networkd.service; }
if [ -e /boot-test/no-nf_tables ]; then
    grep -q boot-test.nogate /proc/cmdline || check network_is_down
    phase shutdown
    systemctl poweroff
    exit
fi
if grep -q killswitchd=off /proc/cmdline || ! command -v killswitchd >/dev/null; then
    /boot-test/chatter wait 25
    phase shutdown
    systemctl poweroff
    exit
fi
uname -r
check stands
check says LOCKED
killswitchd status
check systemctl is-active killswitchd-boot.service killswitchd.service killswitchd.socket
confined() { grep -q '^killswitchd' "/proc/$(systemctl show -P MainPID killswitchd.service)/attr/current"; }
check confined
undenied() { ! dmesg | grep 'apparmor="DENIED".*"killswitchd"'; }
ended_well() { ! journalctl -q -b -1 -o cat -u "$1" | grep -i fail; }
modules_loaded_early() { ! grep -h ' killswitchd-[0-9].*module_request' /sys/kernel/tracing/trace; }
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
check modules_loaded_early
if grep -q boot-test.unordered /proc/cmdline; then
    rm /etc/systemd/system/killswitchd-boot.service
    phase shutdown
    systemctl poweroff
    exit
fi
if grep -q killswitchd.second /proc/cmdline; then
    check ended_well killswitchd-boot.service
    check ended_well killswitchd-hold.service
    grep -q killswitchd.dead /proc/cmdline && systemctl stop killswitchd.service
    phase shutdown
    systemctl poweroff
    exit
fi

phase restart
systemctl restart killswitchd.service
check active
check stands
phase flush
nft flush ruleset
nft delete table inet killswitchd 2>/dev/null
check stands
phase nftables
systemctl restart nftables.service
systemctl stop nftables.service
check stands
phase killed
systemctl kill -s KILL killswitchd.service
nft flush ruleset
check active
phase stopped
systemctl stop killswitchd.service
check stands
nft flush ruleset
check stands
check says DEGRADED
phase start
systemctl start killswitchd.service
check active
if fallback_stands; then echo "boot-test: FAILED the fallback table is still there"; fi
phase socket
systemctl stop killswitchd.socket
check stands
nft flush ruleset
check stands
systemctl stop killswitchd.service
check closed
systemctl start killswitchd.service
check active
systemctl stop killswitchd.service killswitchd.socket
check closed
systemctl start killswitchd.service
check active
if fallback_stands; then echo "boot-test: FAILED the fallback table is still there"; fi
nft flush ruleset
check stands
phase tools
systemctl daemon-reload
systemctl daemon-reexec
check stands
phase upgrade
dpkg -i /boot-test/killswitchd.deb >/dev/null
check active
check stands
check systemctl restart killswitchd-boot.service
check systemctl start killswitchd-gate.service
phase isolate
systemctl isolate emergency.target
nft flush ruleset
/boot-test/chatter wait 25
check stands
systemctl isolate rescue.target
nft flush ruleset
check stands
phase stops
# What a target that stops them would do.
systemctl stop killswitchd.path killswitchd.service killswitchd.socket
nft flush ruleset
check gone
/boot-test/chatter wait 25
systemctl isolate multi-user.target
systemctl start killswitchd.path killswitchd.socket killswitchd.service
check active
phase back
phase wireguard
ip link add wg0 type wireguard
wg genkey >/run/key
wg set wg0 private-key /run/key peer "$(wg genkey | wg pubkey)" endpoint 203.0.113.7:51820 \
    allowed-ips 0.0.0.0/0 persistent-keepalive 5
ip addr add 10.9.9.2/32 dev wg0
ip link set wg0 up
ip route add 10.9.9.0/24 dev wg0
check within says PROTECTED
ip link del wg0
check within says LOCKED

check undenied
phase offline-disarm
systemctl stop killswitchd.service
/boot-test/chatter mark opened
killswitchd disarm
check gone
/boot-test/chatter wait 25
killswitchd arm
check within says LOCKED
phase masked
# Nobody can start the service: the way out goes by the socket that the service manager holds.
systemctl mask --runtime killswitchd.service
systemctl stop killswitchd.path killswitchd.service
check stands
refused() { ! "$@" 2>/dev/null; }
check refused nft delete table inet killswitchd
check killswitchd lock
check refused killswitchd disarm
check stands
/boot-test/chatter mark masked-open
check killswitchd disarm --all
check gone
/boot-test/chatter wait 25
check killswitchd arm
check stands
systemctl unmask --runtime killswitchd.service
systemctl start killswitchd.path killswitchd.service
check within says LOCKED
phase closed
phase remove
check killswitchd lock
/boot-test/chatter mark removed
check dpkg -r killswitchd
check gone
/boot-test/chatter wait 25
check test ! -e /lib/systemd/system/killswitchd.service
dpkg -i /boot-test/killswitchd.deb
check gone
mv /etc/killswitchd/conf.d/50-test.yaml /run/
check sh -x /boot-test/autopkgtest-service
check gone
mv /run/50-test.yaml /etc/killswitchd/conf.d/
check killswitchd reload
killswitchd arm
check says LOCKED
phase shutdown
systemctl poweroff
