#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs `./dev VERB` inside $ROOT. run.sh calls it in mount and pid namespaces of its own.
set -eu
: "${ROOT:?run.sh sets it}"

mount -t proc proc "$ROOT/proc"
mount --rbind /sys "$ROOT/sys"
mount -t tmpfs -o mode=0755 tmpfs "$ROOT/dev"
mkdir "$ROOT/dev/net" "$ROOT/dev/shm" "$ROOT/dev/pts"
for device in null zero full random urandom tty net/tun; do
    if [ -e "/dev/$device" ]; then
        : >"$ROOT/dev/$device"
        mount --bind "/dev/$device" "$ROOT/dev/$device"
    fi
done
mount -t tmpfs tmpfs "$ROOT/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$ROOT/dev/pts"
ln -s pts/ptmx "$ROOT/dev/ptmx"
ln -s /proc/self/fd "$ROOT/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$ROOT/dev/${number#*:}"
done
mount -t tmpfs tmpfs "$ROOT/run"
mount -t tmpfs tmpfs "$ROOT/tmp"

# Nothing of the caller's environment but what reaching the mirror may need.
exec chroot "$ROOT" /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" LANG=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    ${no_proxy:+no_proxy="$no_proxy"} ${CI:+CI="$CI"} \
    sh -c 'cd /src/killswitchd && exec ./dev "$@"' sh "$@"
