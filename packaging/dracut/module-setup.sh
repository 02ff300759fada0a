#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dracut module: puts the built-in lock and what loads it into the initramfs.

check() {
    require_binaries nft || return 1
    return 0 # Who installs it wants it.
}

installkernel() {
    hostonly='' instmods nf_tables nft_counter nft_objref nft_reject_inet nft_reject_ipv4 nft_reject_ipv6
}

install() {
    inst_multiple nft
    inst_simple /usr/share/killswitchd/rules/builtin-lock.nft /etc/killswitchd/builtin-lock.nft
    # shellcheck disable=SC2154  # dracut sets it.
    inst_hook pre-udev 01 "$moddir/killswitchd.sh"
}
