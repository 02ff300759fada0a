#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Starts any VPN client while traffic is blocked: its server may be spoken to for as long as the
# client runs, and no longer. For clients that learn their server only when they start, and that
# stay in the foreground:
#
#   any-vpn.sh 203.0.113.20:1194/udp openvpn --config /etc/openvpn/client/home.conf
#
# KS_ONLY narrows who may speak to it, such as KS_ONLY=user=openvpn or KS_ONLY=fwmark=0x1234;
# without it every program may. In a systemd unit: Type=simple, and this as ExecStart=.
set -eu

server=$1
shift
exec killswitchd endpoint allow "$server" ${KS_ONLY:+--only "$KS_ONLY"} -- "$@"
