#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside a container with OpenRC: openrc.sh [KERNEL-OPTION]. Plays a start, what happens to a
# service, and a shutdown.
set -u

mount -t proc proc /proc
mount -t tmpfs run /run
mkdir /run/openrc /run/lock
echo "root=/dev/vda $1" >/run/cmdline
mount --bind /run/cmdline /proc/cmdline
ip link set lo up

cat >/etc/init.d/localmount <<'END'
#!/sbin/openrc-run
start() { return 0; }
END
cat >/etc/init.d/network <<'END'
#!/sbin/openrc-run
depend() { provide net; }
start() { nft list tables >/run/tables-before-network; }
END
# As Gentoo's and Alpine's: what others loaded goes, at the start and at the stop.
cat >/etc/init.d/nftables <<'END'
#!/sbin/openrc-run
depend() { need localmount; before net; }
start() { nft flush ruleset && nft add table inet of-nftables; }
stop() { nft flush ruleset; }
END
chmod 0755 /etc/init.d/localmount /etc/init.d/network /etc/init.d/nftables
rm -f /etc/runlevels/*/*
for service in network localmount nftables killswitchd; do
    rc-update -q add "$service" boot
done
nft add table inet of-nobody

check() {
    if "$@"; then echo "openrc: ok $*"; else echo "openrc: FAILED $*"; fi
}
within() {
    deadline=$(($(date +%s) + 30))
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
    done
}
stands() { nft list table inet killswitchd >/dev/null 2>&1; }
before_network() { grep -q "inet $1" /run/tables-before-network; }
says() { killswitchd status | head -n 1 | grep -q "^$1"; }
service() { rc-service killswitchd "$@"; }
pid() { pgrep -x killswitchd; }
another() { [ "$(pid)" != "$old" ] && says LOCKED; }

openrc sysinit
openrc boot
openrc default
if [ -n "$1" ]; then
    check test -e /run/tables-before-network
    if stands || pid; then echo "openrc: FAILED $1 opens"; fi
    echo 'openrc: done'
    exit
fi
check before_network killswitchd
check before_network of-nftables
if before_network of-nobody; then echo 'openrc: FAILED the firewall flushes nothing, so this proves nothing'; fi
check says LOCKED
check service reload
old=$(pid)
kill -KILL "$old"
check stands
check within another
check service restart
check says LOCKED
check service stop
check says DEGRADED
check stands
rc-service killswitchd-boot stop
check stands
check service start
check says LOCKED
check rc-service nftables restart
check says LOCKED
openrc shutdown
if nft list table inet of-nftables 2>/dev/null; then echo 'openrc: FAILED the firewall was not stopped'; fi
check stands
openrc off
check stands
check killswitchd disarm
if stands; then echo 'openrc: FAILED disarm opens'; fi
echo 'openrc: done'
