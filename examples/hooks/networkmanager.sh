#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# For `mode: on-drop`: copy to /etc/NetworkManager/dispatcher.d/pre-up.d/50-killswitchd, owned by
# root and executable. NetworkManager waits for it before it calls the connection up.
#
# It only arms. NetworkManager says "down" in the same words whether somebody disconnected or the
# connection was lost, so opening again is left to `killswitchd disarm`.
set -eu

case "${2:-}" in
vpn-pre-up) exec killswitchd arm ;;
pre-up)
    case "${1:-}" in
    wg* | tun*) exec killswitchd arm ;;
    esac
    ;;
esac
