#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the scripts of the packages do about a lock: `scripts.sh SOURCE_DIRECTORY`. The package
# managers' own words are in play; `killswitchd` and the service manager are stand-ins that keep a
# record and answer as they are told.
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'scripts: %s: %s\n' "$case" "$*" >&2
    cat "$work/output" "$work/calls" >&2
    exit 1
}

mkdir "$work/stand-ins"
for program in killswitchd systemctl deb-systemd-invoke; do
    cat >"$work/stand-ins/$program" <<'END'
#!/bin/sh
echo "${0##*/} $*" >>"$KS_CALLS"
case "${0##*/} $1" in
'killswitchd disarm')
    [ "$KS_DISARM" -eq 0 ] || echo 'error: the lock stands' >&2
    exit "$KS_DISARM"
    ;;
esac
END
done
chmod 0755 "$work/stand-ins"/*
export PATH="$work/stand-ins:$PATH" KS_CALLS="$work/calls" KS_DISARM=0

# begin CASE EXIT-CODE-OF-DISARM
begin() {
    case=$1
    KS_DISARM=$2
    : >"$KS_CALLS"
    : >"$work/output"
}
try() { "$@" >>"$work/output" 2>&1; }
called() { grep -q -- "$1" "$KS_CALLS" || fail "did not call '$1'"; }
not_called() { if grep -q -- "$1" "$KS_CALLS"; then fail "called '$1'"; fi; }
promises_nothing() { if grep -iq 'traffic may\|removing the lock' "$work/output"; then fail 'says that traffic may leave'; fi; }

# --- Debian, with a real dpkg ----------------------------------------------------------------------

in_root() {
    try dpkg --root="$work/root" --force-script-chrootless --force-not-root "$@"
}
stays() { dpkg-query --admindir="$work/root/var/lib/dpkg" -W -f '${db:Status-Status}' killswitchd | grep -q '^installed'; }

debian() {
    mkdir -p "$work/package/DEBIAN" "$work/root/var/lib/dpkg"
    printf '%s\n' 'Package: killswitchd' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@localhost>' \
        'Description: scripts without files' >"$work/package/DEBIAN/control"
    for script in postinst prerm postrm; do
        sed '/#DEBHELPER#/d' "$source/debian/killswitchd.$script" >"$work/package/DEBIAN/$script"
        chmod 0755 "$work/package/DEBIAN/$script"
    done
    dpkg-deb -b "$work/package" "$work/killswitchd.deb" >/dev/null
    begin 'Debian: install' 1
    in_root -i "$work/killswitchd.deb" || fail 'does not install'
    begin 'Debian: upgrade while a lock stands' 1
    in_root -i "$work/killswitchd.deb" || fail 'does not upgrade'
    not_called disarm
    for action in -r -P; do
        begin "Debian: $action while the lock does not go" 1
        if in_root "$action" killswitchd; then fail 'is gone, the lock stands'; fi
        stays || fail 'does not stay'
        called 'killswitchd disarm --all'
        not_called 'deb-systemd-invoke stop'
        grep -q 'the package stays' "$work/output" || fail 'does not say that it stays'
        promises_nothing
        begin "Debian: $action" 0
        in_root "$action" killswitchd || fail 'does not go'
        in_root -i "$work/killswitchd.deb"
    done
}

# --- RPM: the scriptlets as the file has them, without the macros of systemd ------------------------

scriptlet() { sed -n "/^%$1\$/,/^%[a-z_]* \|^%[a-z]*\$/{/^%/d;p}" "$source/packaging/rpm/killswitchd.spec"; }

rpm_scripts() {
    scriptlet preun >"$work/preun"
    grep -q disarm "$work/preun" || fail 'the scriptlet was not found, so this test proves nothing'
    begin 'RPM: erase while the lock does not go' 1
    if try sh "$work/preun" 0; then fail 'lets the package go'; fi
    called 'killswitchd disarm --all'
    promises_nothing
    begin 'RPM: erase' 0
    try sh "$work/preun" 0 || fail 'does not let the package go'
    begin 'RPM: upgrade while a lock stands' 1
    try sh "$work/preun" 1 || fail 'does not let the old version go'
    not_called disarm
    for unit in "$source"/systemd/killswitchd*; do
        grep -q '^\[Install\]' "$unit" || continue  # Another unit starts it.
        unit=$(basename "${unit%.in}")
        case $unit in
        *-gate.service) continue ;;
        *.service | *.socket | *.path) ;;
        *) continue ;;
        esac
        for script in 'systemd_post ' 'systemd_preun '; do
            grep "^%$script" "$source/packaging/rpm/killswitchd.spec" | grep -q " $unit\\b" ||
                fail "%${script% } does not name $unit"
        done
        grep -q "^enable $unit\$" "$source/systemd/killswitchd.preset" || fail "the preset does not name $unit"
        grep "^_units=" "$source/packaging/arch/killswitchd.install" | grep -q "$unit\\b" || fail "Arch does not name $unit"
    done
}

# --- Arch: only a hook of pacman can refuse, a scriptlet cannot ------------------------------------

arch_scripts() {
    begin 'Arch' 1
    hook=$source/packaging/arch/killswitchd-remove.hook
    for line in 'Operation = Remove' 'When = PreTransaction' 'Exec = /usr/bin/killswitchd disarm --all' AbortOnFail; do
        grep -qx "$line" "$hook" || fail "the hook lacks '$line'"
    done
    for script in post_install post_upgrade pre_remove; do
        begin "Arch: $script" 1
        # shellcheck disable=SC2016
        try sh -ec '. "$0"; "$1"' "$source/packaging/arch/killswitchd.install" $script || fail 'fails'
        not_called disarm
    done
}

# --- the initramfs of Arch, as mkinitcpio calls the hook -------------------------------------------

initcpio() {
    begin 'mkinitcpio: install' 0
    # shellcheck disable=SC2016  # Expanded by the bash that is started.
    try bash -euc '
        map() { for word in "${@:2}"; do "$1" "$word"; done; }
        for name in add_module add_binary add_runscript add_symlink; do
            eval "$name() { echo $name \"\$*\" >>\"$KS_CALLS\"; }"
        done
        add_file() { echo add_file "$*" >>"$KS_CALLS"; [ "$1" != - ] || cat >"$1.unit"; }
        cd "$1" && . "$0" && build && help' "$source/packaging/mkinitcpio/install" "$work" || fail 'fails'
    for call in 'add_module nf_tables' 'add_binary nft' 'add_runscript' 'builtin-lock.nft' \
        'add_symlink .*sysinit.target.wants/killswitchd-initrd.service'; do
        called "$call"
    done
    grep -q '^Before=systemd-udevd' "$work/-.unit" || fail 'its unit comes after udev'
    for word in off ''; do
        begin "mkinitcpio: at boot with '$word'" 0
        # shellcheck disable=SC2016
        try sh -euc 'word=$1; getarg() { echo "$word"; }; err() { echo "$*"; }; modprobe() { :; }
            nft() { echo "nft $*" >>"$KS_CALLS"; }
            . "$0"; run_earlyhook' "$source/packaging/mkinitcpio/hook" "$word" || fail 'fails'
        if [ "$word" ]; then not_called nft; else called 'nft -f /etc/killswitchd/builtin-lock.nft'; fi
    done
}

case=begin
: >"$work/output"
: >"$work/calls"
if command -v dpkg-deb >/dev/null; then debian; fi
rpm_scripts
arch_scripts
if command -v bash >/dev/null; then initcpio; fi
