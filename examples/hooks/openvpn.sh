#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# For `mode: on-drop`, in the OpenVPN client's config:
#
#   script-security 2
#   up /etc/killswitchd/openvpn.sh
#   down /etc/killswitchd/openvpn.sh
#
# Opens only when somebody stopped OpenVPN. After a crash, a lost server or a refused password the
# machine stays locked. With `user` in OpenVPN's config, `down` may no longer disarm: do it by hand.
set -eu

case "${script_type:-}" in
up)
    exec killswitchd arm
    ;;
down)
    case "${signal:-}" in
    sigterm | sigint) exec killswitchd disarm ;;
    esac
    ;;
esac
