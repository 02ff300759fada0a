#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Checks the installed units as systemd reads them: `units.sh BUILD_DIRECTORY MANUAL_PAGE`. Before
# every network manager, no ordering cycle with any of them or a firewall, nothing that opens when it
# is stopped, no exposure above what it was.
set -eu
command -v systemd-analyze >/dev/null || exit 77
systemd=/lib/systemd/systemd
[ -x $systemd ] || exit 77
build=$1
manual=$2
exposure_limit=14  # systemd-analyze counts 1.4 as 14; 1.4 is root with CAP_NET_ADMIN and netlink.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"

fail() {
    printf 'units: %s\n' "$*" >&2
    exit 1
}

# The whole of what an installation puts there: units, drop-ins, presets.
meson install -C "$build" --no-rebuild --destdir "$work/installed" >"$work/log" 2>&1 ||
    fail "cannot install: $(tail -3 "$work/log")"
ours=$(dirname "$(find "$work/installed" -name killswitchd-boot.service)")
holders='killswitchd.service killswitchd-boot.service killswitchd-hold.service killswitchd.path killswitchd.socket killswitchd-hosts.path killswitchd-resolver.socket'
states='killswitchd-reconnect.path killswitchd-locked.path killswitchd-protected.path killswitchd-unguarded.path'
preset=$(find "$work/installed" -name '*.preset')

# values UNIT KEY: every word that the key has in the file, one a line.
values() {
    sed -e :join -e '/\\$/{N;s/\\\n//;b join' -e '}' "$ours/$1" | sed -n "s/^$2=//p" | tr -s ' ' '\n'
}
managers=$(values killswitchd-gate.service RequiredBy)
[ "$(echo "$managers" | wc -l)" -ge 20 ] || fail 'the gate names no network managers, so this test proves nothing'

for manager in $managers; do
    name=${manager%.service}
    case $name in
    *-) name="$name*" ;;
    esac
    sed 's/\\-/-/g' "$manual" | tr -s ' ,' '\n' | sed 's/\.$//' | grep -qxF -e "$name" ||
        fail "the manual page does not name $name"
done

# An instance, where the name is that of many units.
instance() {
    case $1 in
    *@.service | *-.service) echo "${1%.service}eth0.service" ;;
    *) echo "$1" ;;
    esac
}

# stub NAME DEFAULT-DEPENDENCIES WANTED-BY LINES-OF-UNIT: as distributions ship their units.
stub() {
    {
        printf '[Unit]\nDefaultDependencies=%s\n' "$2"
        printf '%b' "$4"
        printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n'
    } >"$units/$1"
    mkdir -p "$units/$3.wants"
    ln -sf "../$1" "$units/$3.wants/$(instance "$1")"
}

network='Wants=network-pre.target\nBefore=network-pre.target\n'
consumer='Wants=network.target\nBefore=network.target\n'

# Every manager of the list, the well-known ones as they are shipped, others without any order.
stub_managers() {
    for manager in $managers; do
        case $manager in
        *-.service)  # What netplan generates for one card.
            stub "$(instance "$manager")" no multi-user.target "$consumer"
            ;;
        *) stub "$manager" no multi-user.target "$consumer" ;;
        esac
    done
    stub dhcpcd.service yes multi-user.target "$consumer"
    stub wpa_supplicant.service yes multi-user.target "${consumer}After=dbus.service\nIgnoreOnIsolate=yes\n"
    stub NetworkManager.service yes multi-user.target "${consumer}After=network-pre.target dbus.service\n"
    stub networking.service no multi-user.target \
        "${consumer}After=local-fs.target network-pre.target apparmor.service systemd-sysctl.service\n"
    stub connman.service no multi-user.target \
        'After=dbus.service network-pre.target systemd-sysusers.service\nBefore=network.target multi-user.target\n'
    stub wickedd.service yes multi-user.target 'After=local-fs.target dbus.service network-pre.target\nBefore=wicked.service\n'
    stub cloud-init-local.service no multi-user.target \
        "${network}After=systemd-remount-fs.service\nBefore=NetworkManager.service sysinit.target\n"
    stub unheard-of.service yes multi-user.target ''
}

stub_firewalls() {
    stub ufw.service no multi-user.target "${network}After=local-fs.target\n"
    case $1 in
    debian)
        stub nftables.service no sysinit.target "${network}Before=shutdown.target\nConflicts=shutdown.target\n"
        # Makes a cycle with the others, with us or without.
        stub cloud-init.service no multi-user.target \
            'After=cloud-init-local.service networking.service systemd-networkd.service\nBefore=network-online.target sysinit.target\n'
        ;;
    arch) stub nftables.service yes multi-user.target "${network}After=basic.target sysinit.target\n" ;;
    firewalld)
        stub nftables.service yes multi-user.target "$network"
        stub firewalld.service yes multi-user.target "${network}After=dbus.service polkit.service\n"
        ;;
    esac
}

# make_tree NAME: systemd's own units, ours enabled by our preset, and those of others.
make_tree() {
    root=$work/$1
    units=$root/usr/lib/systemd/system
    mkdir -p "$units" "$root/usr/bin" "$root/bin" "$root/etc/systemd/system"
    for program in bin/true usr/bin/killswitchd; do
        printf '#!/bin/sh\n' >"$root/$program"
        chmod 0755 "$root/$program"
    done
    for directory in /usr/lib/systemd/system /lib/systemd/system; do
        for unit in "$directory"/*.target "$directory"/systemd-networkd* "$directory"/systemd-sysusers* \
            "$directory"/systemd-remount* "$directory"/systemd-modules* "$directory"/systemd-udev* "$directory"/dbus*; do
            if [ -f "$unit" ]; then cp -n "$unit" "$units/" 2>/dev/null || true; fi
        done
    done
    sed -i '/^ExecStart=/s|=.*|=/bin/true|' "$units"/*.service
    stub_managers
    stub_firewalls "$1"
    stub apparmor.service no sysinit.target 'After=local-fs.target\nBefore=sysinit.target\n'
    cp -R "$ours/." "$units"
    sed -i "s|^\(Exec[A-Za-z]*=-\{0,1\}\)[^ ]*/killswitchd|\1/usr/bin/killswitchd|" "$units"/killswitchd*.service
    mkdir -p "$root/usr/lib/systemd/system-preset"
    { cat "$preset" && echo 'disable *'; } >"$root/usr/lib/systemd/system-preset/50-test.preset"
    # shellcheck disable=SC2086  # A list of names, split on purpose.
    systemctl -q --root="$root" preset $holders $states 2>/dev/null
    chmod -R a+rX "$root"
}

cycles() {
    systemd-analyze --root="$root" --man=no verify sysinit.target multi-user.target "$units"/killswitchd*.service \
        "$units"/killswitchd.socket "$units"/nftables.service 2>&1 |
        grep -i 'ordering cycle\|killswitchd.*\(unknown\|ignor\|fail\)' || true
}

# All that systemd makes of the tree, as it would at boot. It refuses to do so for root.
dump() {
    mkdir -p "$work/runtime"
    chmod 0777 "$work/runtime"
    as_nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
    [ "$(id -u)" -eq 0 ] || as_nobody=
    SYSTEMD_UNIT_PATH=$root/etc/systemd/system:$units HOME=/ XDG_RUNTIME_DIR=$work/runtime \
        $as_nobody $systemd --test --system --unit=multi-user.target >"$work/dump" 2>&1 || true
    grep -q -- '-> Unit killswitchd-boot.service:' "$work/dump" || fail "systemd says: $(tail -3 "$work/dump")"
}

# lacking RELATION OTHER UNIT...: those of the units that have no such line in the dump.
lacking() {
    # shellcheck disable=SC2046  # A list of names, split on purpose.
    awk -v relation="$1: $2 " '
        BEGIN { for (i = 2; i < ARGC; ++i) { wanted[ARGV[i]] = 1; delete ARGV[i] } }
        /^[ \t]*-> Unit / { unit = substr($3, 1, length($3) - 1) }
        index($0 " ", relation) { delete wanted[unit] }
        END { for (unit in wanted) print unit }' "$work/dump" $(shift 2 && instances "$@")
}

instances() {
    for unit in "$@"; do
        instance "$unit"
    done
}

for kind in debian arch firewalld; do
    make_tree $kind
    found=$(cycles)
    [ -z "$found" ] || fail "$kind: $found"
    dump
    # shellcheck disable=SC2086  # Lists of names, split on purpose.
    found=$(lacking After killswitchd-boot.service sysinit.target $managers)
    [ -z "$found" ] || fail "$kind: not after the boot stage: $found"
    [ -z "$(lacking After sysinit.target unheard-of.service)" ] || fail "$kind: the stub has no default dependencies"
    # shellcheck disable=SC2086
    found=$(lacking WantedBy sysinit.target $holders)
    [ -z "$found" ] || fail "$kind: the preset leaves disabled: $found"
    # shellcheck disable=SC2086
    found=$(lacking WantedBy paths.target $states)
    [ -z "$found" ] || fail "$kind: the preset leaves disabled: $found"
    systemctl -q --root="$root" enable killswitchd-gate.service 2>/dev/null
    chmod -R a+rX "$root"
    found=$(cycles)
    [ -z "$found" ] || fail "$kind with the gate: $found"
    dump
    # shellcheck disable=SC2086
    found=$(lacking After killswitchd-gate.service $managers && lacking Requires killswitchd-gate.service $managers)
    [ -z "$found" ] || fail "$kind: not held by the gate: $found"
done

make_tree firewalld
sed -i 's/^\[Service\]/After=firewalld.service\n&/' "$units/killswitchd-boot.service"
[ -n "$(cycles)" ] || fail 'a unit that makes a cycle passed, so this test proves nothing'
sed -i '/^After=firewalld/d; /^Before=/,/[^\\]$/d' "$units/killswitchd-boot.service"
dump
[ "$(lacking After killswitchd-boot.service sysinit.target dhcpcd.service)" ] || fail 'a unit without order passed, so this test proves nothing'

for unit in $holders $states; do
    grep -q '^IgnoreOnIsolate=yes' "$ours/$unit" || fail "$unit stops when another target is isolated"
done
for unit in killswitchd.service killswitchd-boot.service; do
    if grep -q '^ExecStop=\|^Conflicts=' "$ours/$unit"; then
        fail "$unit does something when it is stopped"
    fi
done
for unit in "$ours"/killswitchd*.service; do
    systemd-analyze security --offline=true --threshold=$exposure_limit "$unit" >"$work/security" 2>&1 ||
        fail "$unit is more exposed than before: $(tail -1 "$work/security")"
done
if systemd-analyze security --offline=true --threshold=$((exposure_limit - 1)) "$ours/killswitchd.service" >/dev/null 2>&1; then
    fail "the exposure is lower than recorded: lower exposure_limit"
fi
