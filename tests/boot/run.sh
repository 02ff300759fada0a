#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Boots a minimal Debian with the package in a virtual machine and judges every frame that leaves
# its network card, from power-on to power-off. Called by `./dev test --boot`.
#   run.sh PACKAGE.deb [control|armed|early|gate]...
# early: a network in the initramfs, and killswitchd-initramfs, which lies beside the package.
# gate: a kernel without nf_tables, where nothing can lock, without and with the gate.
# KS_BOOT_KERNEL=backports takes the kernel of the release's backports, KS_BOOT_BASE a ready tarball.
set -eu
cd "$(dirname "$0")/../.."

package=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- control armed early gate
kernel=${KS_BOOT_KERNEL:-stock}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/killswitchd-boot
base=${KS_BOOT_BASE:-$cache/bookworm-$kernel.tar}
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

fetch_base() {
    [ ! -f "$base" ] || return 0
    say "unpacking a minimal Debian with a $kernel kernel from this machine's mirror (two minutes)"
    mkdir -p "$cache"
    image=linux-image-amd64
    backports=
    if [ "$kernel" = backports ]; then
        image=linux-image-amd64/bookworm-backports backports=1
    fi
    needs=$(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/ //g')
    sources "$backports" >"$work/sources"
    mmdebstrap --variant=apt \
        --include="systemd-sysv,udev,dbus,nftables,iproute2,wireguard-tools,apparmor,procps,$image,$needs" \
        --essential-hook="mkdir -p \"\$1/etc/initramfs-tools/conf.d\"
            echo MODULES=list >\"\$1/etc/initramfs-tools/conf.d/boot-test\"
            printf 'virtio_pci\nvirtio_blk\next4\n' >\"\$1/etc/initramfs-tools/modules\"" \
        bookworm "$base.new" - <"$work/sources" >"$work/mmdebstrap.log" 2>&1 || {
        tail -20 "$work/mmdebstrap.log" >&2
        echo 'boot: cannot make the base of the image' >&2
        exit 1
    }
    mv "$base.new" "$base"
}

# The network is there as early as a network can be, the chatterer even earlier.
furnish() {
    root=$1
    mkdir -p "$root/boot-test" "$root/etc/systemd/network"
    cp tests/boot/scenario.sh "$work/chatter" "$root/boot-test/"
    cp "$package" "$root/boot-test/killswitchd.deb"
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
[Service]
ExecStart=@/boot-test/chatter @chatter
KillMode=none
[Install]
WantedBy=sysinit.target
END
    cat >"$root/etc/systemd/system/scenario.service" <<'END'
[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/sh /boot-test/scenario.sh
[Install]
WantedBy=multi-user.target
END
    mkdir -p "$root/etc/systemd/system.conf.d"
    printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >"$root/etc/systemd/system.conf.d/boot-test.conf"
    chroot "$root" systemctl -q mask systemd-networkd-wait-online
    chroot "$root" systemctl -q enable chatter scenario systemd-networkd nftables
    : >"$root/etc/fstab"
    echo boot-test >"$root/etc/hostname"
}

arm() {
    root=$1
    chroot "$root" dpkg -i /boot-test/killswitchd.deb >"$work/dpkg.log" 2>&1 || {
        cat "$work/dpkg.log" >&2
        exit 1
    }
    cat >"$root/etc/killswitchd/conf.d/50-test.yaml" <<'END'
mode: always
tunnels:
  - interface: wg0
    kind: wireguard
    endpoints: ["203.0.113.7:51820/udp"]
END
    chmod 0600 "$root/etc/killswitchd/conf.d/50-test.yaml"
}

# The initramfs brings up the card and talks.
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
    cat >"$root/etc/initramfs-tools/scripts/init-premount/boot-test" <<'END'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
modprobe virtio_net
udevadm settle
/sbin/ip link set lo up
/sbin/ip link set eth0 up
/sbin/ip addr add 192.0.2.2/24 dev eth0
/sbin/ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0
/sbin/ip route add default via 192.0.2.1
/bin/chatter &
/bin/chatter wait 50
END
    chmod +x "$root/etc/initramfs-tools/hooks/boot-test" "$root/etc/initramfs-tools/scripts/init-premount/boot-test"
    cp "$(dirname "$package")"/killswitchd-initramfs_*.deb "$root/boot-test/initramfs.deb"
    chroot "$root" dpkg -i /boot-test/initramfs.deb >"$work/dpkg.log" 2>&1 || {
        cat "$work/dpkg.log" >&2
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

make_image() {
    root=$work/$1
    mkdir "$root"
    tar -C "$root" -xf "$base"
    furnish "$root"
    [ "$1" = control ] || arm "$root"
    [ "$1" != gate ] || break_kernel "$root"
    [ "$1" != early ] || network_in_initramfs "$root"
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
        -append "root=/dev/vda rw console=ttyS0 quiet panic=5 net.ifnames=0 systemd.show_status=0 $3" \
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
fetch_base
passed=0
failed=0
tally() {
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
for name in "$@"; do
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
        tally judge armed "$work/armed.pcap" --open opened,removed \
            --expect up,restart,flush,nftables,killed,stopped,tools,upgrade,wireguard,closed,shutdown
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
    early)
        say 'booting with a network in the initramfs, without and with the lock (two minutes)'
        boot early off 'killswitchd=off'
        tally judge off "$work/off.pcap" --open power-on,up,shutdown --expect up,shutdown
        boot early early 'killswitchd.second'
        # The initramfs knows no devices, so that its lock has no second layer.
        tally judge early "$work/early.pcap" --expect up,shutdown --raw power-on
        ;;
    esac
    rm -f "$work/$name.img"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
