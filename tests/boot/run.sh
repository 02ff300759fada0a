#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Boots a minimal Debian with the package in a virtual machine and judges every frame that leaves
# its network card, from power-on to power-off. Called by `./dev test --boot`.
#   run.sh PACKAGE.deb [control|armed|dhcpcd|early|dracut|gate|ipsec|openrc]...
# dhcpcd: a manager that knows no network-pre.target, and a boot stage that is slow.
# early: a network in the initramfs, and killswitchd-initramfs, which lies beside the package.
# dracut: the same in an initramfs that dracut made, with its module.
# gate: a kernel without nf_tables, where nothing can lock, without and with the gate.
# ipsec: real IPsec by policy between namespaces of the machine.
# openrc: the scripts for OpenRC, in a container instead of a machine.
# KS_BOOT_KERNEL=backports takes the kernel of the release's backports, KS_BOOT_BASE a ready tarball.
set -eu
cd "$(dirname "$0")/../.."

package=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- control armed dhcpcd early dracut gate ipsec openrc
kernel=${KS_BOOT_KERNEL:-stock}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/killswitchd-boot
contents=systemd-sysv,udev,dbus,nftables,iproute2,wireguard-tools,apparmor,procps,dracut-core,dhcpcd
work=$(mktemp -d "${TMPDIR:-/tmp}/killswitchd-boot.XXXXXX")
clean_up() {
    if [ -n "${machine:-}" ]; then
        kill "$machine" 2>/dev/null || true
    fi
    [ -n "${KS_BOOT_KEEP:-}" ] || rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

say() { printf '== %s\n' "$*"; }

# One "deb URI RELEASE COMPONENT" line for each Debian source of this machine that serves bookworm.
sources() {
    # shellcheck disable=SC2016  # apt's own placeholders.
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)' |
        awk -v backports="$1" '$4 == "Packages" && ($2 == "bookworm" || $2 ~ /^bookworm-/) {
            print "deb", $1, $2, $3
            if (backports && $2 == "bookworm") print "deb", $1, "bookworm-backports", $3 }' | sort -u
}

# unpack FLAVOUR BACKPORTS PACKAGES [OPTION...]: a minimal Debian into $base, unless it is there.
unpack() {
    flavour=$1
    backports=$2
    packages=$3,$(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/ //g')
    shift 3
    base=$cache/bookworm-$flavour-$(printf %s "$packages" | cksum | cut -d ' ' -f 1).tar
    [ ! -f "$base" ] || return 0
    say "unpacking a minimal Debian, $flavour, from this machine's mirror (one to two minutes)"
    mkdir -p "$cache"
    sources "$backports" >"$work/sources"
    mmdebstrap --variant=apt --include="$packages" "$@" bookworm "${base%.tar}.new.tar" - \
        <"$work/sources" >"$work/mmdebstrap.log" 2>&1 || {
        tail -20 "$work/mmdebstrap.log" >&2
        echo 'boot: cannot make the base of the image' >&2
        exit 1
    }
    mv "${base%.tar}.new.tar" "$base"
}

fetch_base() {
    if [ -n "${KS_BOOT_BASE:-}" ]; then
        base=$KS_BOOT_BASE
        return
    fi
    image=linux-image-amd64
    backports=
    if [ "$kernel" = backports ]; then
        image=linux-image-amd64/bookworm-backports backports=1
    fi
    unpack "$kernel" "$backports" "$contents,$image" \
        --essential-hook="mkdir -p \"\$1/etc/initramfs-tools/conf.d\"
            echo MODULES=list >\"\$1/etc/initramfs-tools/conf.d/boot-test\"
            printf 'virtio_pci\nvirtio_blk\next4\n' >\"\$1/etc/initramfs-tools/modules\""
}

# The words of the services that follow are Gentoo's and Alpine's; Debian's OpenRC lacks them.
openrc() {
    unpack openrc '' openrc,sysvinit-core,nftables,iproute2,procps
    root=$work/openrc
    mkdir "$root"
    tar -C "$root" -xf "$base"
    install_into "$root" "$package"
    install -m 0755 packaging/openrc/killswitchd.initd "$root/etc/init.d/killswitchd"
    install -m 0755 packaging/openrc/killswitchd-boot.initd "$root/etc/init.d/killswitchd-boot"
    install -m 0755 tests/boot/openrc.sh "$root/openrc.sh"
    printf '%s\n' 'mode: always' 'tunnels: [{ interface: wg0, endpoints: ["203.0.113.7:51820/udp"] }]' \
        >"$root/etc/killswitchd/conf.d/50-test.yaml"
    chmod 0600 "$root/etc/killswitchd/conf.d/50-test.yaml"
    for options in killswitchd=off ''; do
        timeout 300 unshare -n -p -m -f chroot "$root" sh /openrc.sh "$options" \
            >"$work/openrc.console" 2>&1 || true
        grep 'openrc:' "$work/openrc.console" || true
        if grep -q 'openrc: FAILED' "$work/openrc.console" || ! grep -q 'openrc: done' "$work/openrc.console"; then
            cat "$work/openrc.console"
            return 1
        fi
    done
}

# The network is there as early as a network can be, the chatterer even earlier.
furnish() {
    root=$1
    mkdir -p "$root/boot-test" "$root/etc/systemd/network"
    cp tests/boot/scenario.sh tests/boot/ipsec.sh "$work/chatter" "$root/boot-test/"
    cp "$package" "$root/boot-test/killswitchd.deb"
    cp debian/tests/service "$root/boot-test/autopkgtest-service"
    cat >"$root/etc/systemd/network/10-all.network" <<'END'
[Match]
Name=en* eth*
[Network]
Address=192.0.2.2/24
Address=2001:db8:1::2/64
Gateway=192.0.2.1
Gateway=2001:db8:1::1
IPv6AcceptRA=no
[Neighbor]
Address=192.0.2.1
LinkLayerAddress=02:00:00:00:00:01
[Neighbor]
Address=2001:db8:1::1
LinkLayerAddress=02:00:00:00:00:01
END
    cat >"$root/etc/systemd/system/chatter.service" <<'END'
[Unit]
DefaultDependencies=no
IgnoreOnIsolate=yes
[Service]
ExecStart=@/boot-test/chatter @chatter
KillMode=none
[Install]
WantedBy=sysinit.target
END
    cat >"$root/etc/systemd/system/scenario.service" <<'END'
[Unit]
After=multi-user.target
DefaultDependencies=no
IgnoreOnIsolate=yes
[Service]
ExecStart=/bin/sh /boot-test/scenario.sh
[Install]
WantedBy=multi-user.target
END
    mkdir -p "$root/etc/systemd/system.conf.d"
    printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >"$root/etc/systemd/system.conf.d/boot-test.conf"
    # Their shells would hang up the console, and with it the scenario.
    for target in emergency rescue; do
        mkdir "$root/etc/systemd/system/$target.service.d"
        printf '%s\n' '[Service]' 'Type=oneshot' 'RemainAfterExit=yes' 'StandardInput=null' 'StandardOutput=journal' \
            'StandardError=journal' 'ExecStartPre=' 'ExecStart=' 'ExecStart=/bin/true' \
            >"$root/etc/systemd/system/$target.service.d/boot-test.conf"
    done
    mkdir -p "$root/var/log/journal"
    chroot "$root" systemctl -q mask systemd-networkd-wait-online dhcpcd
    chroot "$root" systemctl -q enable chatter scenario systemd-networkd nftables
    : >"$root/etc/fstab"
    echo boot-test >"$root/etc/hostname"
}

# install_into ROOT PACKAGE
install_into() {
    cp "$2" "$1/package.deb"
    chroot "$1" dpkg -i /package.deb >"$work/dpkg.log" 2>&1 || {
        cat "$work/dpkg.log" >&2
        exit 1
    }
}

arm() {
    root=$1
    install_into "$root" "$package"
    cat >"$root/etc/killswitchd/conf.d/50-test.yaml" <<'END'
mode: always
tunnels:
  - interface: wg0
    kind: wireguard
    endpoints: ["203.0.113.7:51820/udp"]
END
    chmod 0600 "$root/etc/killswitchd/conf.d/50-test.yaml"
}

# What an initramfs does that brings up the card and talks.
talk_early() {
    cat <<'END'
modprobe virtio_net
udevadm settle
ip link set lo up
ip link set eth0 up
ip addr add 192.0.2.2/24 dev eth0
ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0
ip route add default via 192.0.2.1
/bin/chatter &
/bin/chatter wait 50
END
}

network_in_initramfs() {
    root=$1
    cat >"$root/etc/initramfs-tools/hooks/boot-test" <<'END'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
copy_exec /boot-test/chatter /bin
copy_exec /sbin/ip /sbin
manual_add_modules virtio_net
END
    {
        cat <<'END'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
END
        talk_early
    } >"$root/etc/initramfs-tools/scripts/init-premount/boot-test"
    chmod +x "$root/etc/initramfs-tools/hooks/boot-test" "$root/etc/initramfs-tools/scripts/init-premount/boot-test"
    install_into "$root" "$(dirname "$package")"/killswitchd-initramfs_*.deb
}

network_in_dracut() {
    root=$1
    modules=$root/usr/lib/dracut/modules.d
    install_into "$root" "$(dirname "$package")"/killswitchd-initramfs_*.deb
    mkdir "$modules/99boot-test"
    cat >"$modules/99boot-test/module-setup.sh" <<'END'
installkernel() {
    hostonly='' instmods virtio_net virtio_blk virtio_pci ext4
}
install() {
    inst_multiple ip
    inst_simple /boot-test/chatter /bin/chatter
    inst_hook pre-mount 01 "$moddir/talk.sh"
}
END
    talk_early >"$modules/99boot-test/talk.sh"
    version=$(ls "$root/lib/modules")
    chroot "$root" dracut --force --no-hostonly --add boot-test \
        "/boot/initrd.img-$version" "$version" >"$work/dracut.log" 2>&1 || {
        cat "$work/dracut.log" >&2
        exit 1
    }
}

# The gate is enabled, and a word on the command line makes it pass.
break_kernel() {
    root=$1
    touch "$root/boot-test/no-nf_tables"
    find "$root/lib/modules" -name 'nf_tables.ko*' -delete
    mkdir -p "$root/etc/systemd/system/killswitchd-gate.service.d"
    printf '[Unit]\nConditionKernelCommandLine=!boot-test.nogate\n' \
        >"$root/etc/systemd/system/killswitchd-gate.service.d/boot-test.conf"
    chroot "$root" systemctl -q enable killswitchd-gate.service
}

# The boot stage waits until dhcpcd has brought up the card, or long enough. The first boot orders it
# before network-pre.target alone; the scenario then removes what does so.
slow_boot_stage() {
    root=$1
    units=$root/etc/systemd/system
    chroot "$root" systemctl -q unmask dhcpcd
    chroot "$root" systemctl -q disable systemd-networkd
    chroot "$root" systemctl -q enable dhcpcd
    printf '%s\n' 'noarp' 'interface eth0' 'static ip_address=192.0.2.2/24' \
        'static ip6_address=2001:db8:1::2/64' 'static routers=192.0.2.1' >"$root/etc/dhcpcd.conf"
    mkdir "$units/killswitchd-boot.service.d"
    printf '[Service]\nExecStartPre=+/bin/sh /boot-test/slow.sh\n' >"$units/killswitchd-boot.service.d/slow.conf"
    cat >"$root/boot-test/slow.sh" <<'END'
tries=0
until grep -qs up /sys/class/net/eth0/operstate || [ "$tries" -ge 80 ]; do
    tries=$((tries + 1))
    /boot-test/chatter wait 5
done
/boot-test/chatter wait 10
END
    sed -e '/^Before=/,/[^\\]$/d' -e 's/^Wants=network-pre.target/&\nBefore=network-pre.target/' \
        "$root/lib/systemd/system/killswitchd-boot.service" >"$units/killswitchd-boot.service"
}

make_image() {
    root=$work/$1
    mkdir "$root"
    fetch_base
    tar -C "$root" -xf "$base"
    furnish "$root"
    [ "$1" = control ] || arm "$root"
    [ "$1" != gate ] || break_kernel "$root"
    [ "$1" != dhcpcd ] || slow_boot_stage "$root"
    [ "$1" != early ] || network_in_initramfs "$root"
    [ "$1" != dracut ] || network_in_dracut "$root"
    cp -L "$root"/vmlinuz "$work/$1.vmlinuz"
    cp -L "$root"/initrd.img "$work/$1.initrd"
    truncate -s 2G "$work/$1.img"
    mke2fs -q -t ext4 -d "$root" "$work/$1.img"
    rm -rf --one-file-system "$root"
}

# The card's other end is a tap device that leads nowhere, in a namespace of its own.
boot() {
    name=$1
    timeout 2400 unshare -n sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
        ip tuntap add wire mode tap && ip link set wire up && exec "$@"' sh \
        qemu-system-x86_64 -M q35 -accel tcg,thread=multi -smp 2 -m 768 \
        -nodefaults -no-user-config -display none -no-reboot -serial "file:$work/$2.console" \
        -kernel "$work/$name.vmlinuz" -initrd "$work/$name.initrd" \
        -append "root=/dev/vda rw console=ttyS0 quiet panic=5 net.ifnames=0 no_timer_check systemd.show_status=0 trace_event=module:module_request $3" \
        -drive "if=virtio,format=raw,file=$work/$name.img" \
        -netdev tap,id=wire,ifname=wire,script=no,downscript=no,vnet_hdr=off,vhost=off \
        -device virtio-net-pci,netdev=wire,romfile= \
        -object "filter-dump,id=dump,netdev=wire,file=$work/$2.pcap" &
    machine=$!
    wait "$machine" || echo "boot: the machine ended with status $?"
    machine=
    grep -a 'boot-test:' "$work/$2.console" | tr -d '\r' | grep -av ' ok ' || true
}

judge() {
    console=$work/$1.console
    shift
    status=0
    python3 tests/boot/classify.py "$@" || status=1
    if grep -aq 'boot-test: FAILED' "$console" || ! grep -aq 'phase shutdown' "$console"; then
        status=1
        tail -40 "$console"
    fi
    return "$status"
}

g++ -std=c++20 -O2 -static -o "$work/chatter" tests/boot/chatter.cpp
passed=0
failed=0
tally() {
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
for name in "$@"; do
    if [ "$name" = openrc ]; then
        say 'starting and ending with OpenRC (a minute)'
        tally openrc
        continue
    fi
    say "making the image '$name' (a minute)"
    make_image "$name"
    case $name in
    control)
        say 'booting without the package (a minute)'
        boot control control ''
        tally judge control "$work/control.pcap" --open power-on,up,shutdown --expect up,shutdown
        ;;
    armed)
        say 'booting armed, with all that happens to a lock (three minutes)'
        boot armed armed ''
        tally judge armed "$work/armed.pcap" --open stops,opened,masked-open,removed \
            --expect up,restart,flush,nftables,killed,stopped,socket,tools,upgrade,isolate,stops,back,wireguard,closed,shutdown
        say 'booting the same disk again, and ending with a dead service (a minute)'
        boot armed again 'killswitchd.second killswitchd.dead'
        tally judge again "$work/again.pcap" --expect up,shutdown
        ;;
    gate)
        say 'booting a kernel that cannot lock, without and with the gate (two minutes)'
        boot gate nogate 'boot-test.nogate'
        tally judge nogate "$work/nogate.pcap" --open power-on,up,shutdown --expect up,shutdown
        boot gate gate ''
        tally judge gate "$work/gate.pcap"
        ;;
    dhcpcd)
        say 'booting with dhcpcd and a slow boot stage, without and with the order (two minutes)'
        boot dhcpcd unordered 'boot-test.unordered'
        tally judge unordered "$work/unordered.pcap" --open power-on --expect up,shutdown
        boot dhcpcd dhcpcd 'killswitchd.second'
        tally judge dhcpcd "$work/dhcpcd.pcap" --expect up,shutdown
        ;;
    ipsec)
        say 'booting for IPsec by policy (two minutes)'
        boot ipsec ipsec 'boot-test.ipsec'
        tally judge ipsec "$work/ipsec.pcap" --expect up,shutdown
        ;;
    early | dracut)
        say 'booting with a network in the initramfs, without and with the lock (two minutes)'
        boot "$name" off 'killswitchd=off'
        tally judge off "$work/off.pcap" --open power-on,up,shutdown --expect up,shutdown
        boot "$name" "$name" 'killswitchd.second'
        # The initramfs knows no devices, so that its lock has no second layer.
        tally judge "$name" "$work/$name.pcap" --expect up,shutdown --raw power-on
        ;;
    esac
    rm -f "$work/$name.img"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
