#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Locks before udev finds a network card.
case " $(cat /proc/cmdline) " in
*' killswitchd=off '*) ;;
*)
    modprobe -q nf_tables
    modprobe -q nft_reject_inet
    nft -f /etc/killswitchd/builtin-lock.nft || echo 'killswitchd: the initramfs could not load the lock' >/dev/console
    ;;
esac
