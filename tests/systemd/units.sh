#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Checks the units as systemd reads them: `units.sh BUILD_DIRECTORY`. No ordering cycle with any
# network manager or firewall, nothing that opens on stop, exposure not above what it was.
set -eu
command -v systemd-analyze >/dev/null || exit 77
built=$1/systemd
exposure_limit=14  # systemd-analyze counts 1.4 as 14.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'units: %s\n' "$*" >&2
    exit 1
}

# name, DefaultDependencies, and lines of [Unit]: how distributions ship their network units.
stub() {
    {
        printf '[Unit]\nDefaultDependencies=%s\n' "$2"
        printf '%b' "$4"
        printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=%s\n' "$3"
    } >"$units/$1"
    mkdir -p "$units/$3.wants"
    ln -sf "../$1" "$units/$3.wants/$1"
}

# A tree with systemd's own targets, our units enabled, and others: make_tree NAME OTHER.
make_tree() {
    root=$work/$1
    units=$root/usr/lib/systemd/system
    mkdir -p "$units" "$root/usr/bin" "$root/bin" "$root/etc/systemd/system"
    touch "$root/bin/true" "$root/usr/bin/killswitchd"
    chmod +x "$root/bin/true" "$root/usr/bin/killswitchd"
    for directory in /usr/lib/systemd/system /lib/systemd/system; do
        for unit in "$directory"/*.target "$directory"/systemd-networkd* "$directory"/systemd-sysusers* \
            "$directory"/systemd-remount* "$directory"/systemd-modules* "$directory"/systemd-udev* "$directory"/dbus*; do
            if [ -f "$unit" ]; then cp -n "$unit" "$units/" 2>/dev/null || true; fi
        done
    done
    sed -i '/^ExecStart=/s|=.*|=/bin/true|' "$units"/*.service
    for unit in killswitchd.service killswitchd-boot.service killswitchd-gate.service killswitchd-hold.service; do
        sed "s|^\(Exec[A-Za-z]*=-\{0,1\}\)[^ ]*/killswitchd|\1/usr/bin/killswitchd|" "$built/$unit" >"$units/$unit"
    done
    cp "$built/killswitchd.socket" "$built/killswitchd.path" "$units/"
    mkdir -p "$units/sysinit.target.wants"
    for unit in killswitchd.service killswitchd-boot.service killswitchd.socket killswitchd.path killswitchd-hold.service; do
        ln -sf "../$unit" "$units/sysinit.target.wants/$unit"
    done
    network='Wants=network-pre.target\nBefore=network-pre.target\n'
    stub nftables.service no sysinit.target "${network}Before=shutdown.target\nConflicts=shutdown.target\n"
    stub ufw.service no multi-user.target "${network}After=local-fs.target\n"
    case $2 in  # Services of the one make a cycle with those of the other, with us or without.
    firewalld)
        stub firewalld.service yes multi-user.target "${network}After=dbus.service polkit.service\n"
        stub nftables-late.service yes multi-user.target "$network"
        ;;
    cloud-init)
        stub cloud-init-local.service no cloud-init.target \
            "${network}After=systemd-remount-fs.service\nBefore=NetworkManager.service sysinit.target\n"
        stub cloud-init.service no cloud-init.target \
            'After=cloud-init-local.service networking.service systemd-networkd.service\nBefore=network-online.target sysinit.target\n'
        printf '[Unit]\n' >"$units/cloud-init.target"
        ;;
    esac
    stub networking.service no multi-user.target \
        'After=local-fs.target network-pre.target apparmor.service systemd-sysctl.service\nBefore=network.target\nWants=network.target\n'
    stub NetworkManager.service yes multi-user.target 'Wants=network.target\nAfter=network-pre.target dbus.service\nBefore=network.target\n'
    stub apparmor.service no sysinit.target 'After=local-fs.target\nBefore=sysinit.target\n'
}

cycles() {
    systemd-analyze --root="$root" --man=no verify sysinit.target multi-user.target killswitchd-boot.service \
        killswitchd.service killswitchd-hold.service killswitchd.socket nftables.service "$@" 2>&1 |
        grep -i 'ordering cycle\|killswitchd.*\(unknown\|ignor\|fail\)' || true
}

for other in firewalld cloud-init; do
    make_tree "with-$other" "$other"
    found=$(cycles "$other.service")
    [ -z "$found" ] || fail "with $other: $found"
    for manager in systemd-networkd NetworkManager networking; do
        mkdir -p "$units/$manager.service.requires"
        ln -s ../killswitchd-gate.service "$units/$manager.service.requires/"
    done
    found=$(cycles "$other.service" killswitchd-gate.service)
    [ -z "$found" ] || fail "with $other and the gate: $found"
done

make_tree bad firewalld
sed -i 's/^\[Service\]/After=firewalld.service\nBefore=sysinit.target\n&/' "$units/killswitchd-boot.service"
[ -n "$(cycles)" ] || fail 'a unit that makes a cycle passed, so this test proves nothing'

for unit in killswitchd.service killswitchd-boot.service; do
    if grep -q '^ExecStop=\|^Conflicts=' "$built/$unit"; then
        fail "$unit does something when it is stopped"
    fi
    systemd-analyze security --offline=true --threshold=$exposure_limit "$built/$unit" >"$work/security" 2>&1 ||
        fail "$unit is more exposed than before: $(tail -1 "$work/security")"
done
if systemd-analyze security --offline=true --threshold=$((exposure_limit - 1)) "$built/killswitchd.service" >/dev/null 2>&1; then
    fail "the exposure is lower than recorded: lower exposure_limit"
fi
