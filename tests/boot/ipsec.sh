# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2016  # The programs in quotes are perl's.
# Read by scenario.sh inside the virtual machine, whose kernel has ESP: real IPsec by policy between
# namespaces. What leaves the host is counted on the router's side of the cable.
#   guest - host (killswitchd) - router and internet - gateway of the VPN, and a stranger

grep -q boot-test.ipsec /proc/cmdline || exit 1 # Never on a machine that somebody uses.

gateway=198.51.100.9
stranger=198.51.100.10
internet=203.0.113.5
beyond=203.0.114.5 # By a policy to the stranger.
program=/boot-test/ipsec-killswitchd
dirs='--config /boot-test/ipsec.yaml --state-dir /run/ipsec/state --runtime-dir /run/ipsec/run'

in_ns() { ip netns exec "$@"; }
# shellcheck disable=SC2086  # A list of words.
ks() { in_ns host "$program" "$@" $dirs; }

build_networks() {
    for name in guest host router gateway; do
        ip netns add "$name"
        ip -n "$name" link set lo up
        in_ns "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
            net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0
    done
    ip link add up0 netns host type veth peer name r0 netns router
    ip link add inside0 netns host type veth peer name g0 netns guest
    ip link add r1 netns router type veth peer name w0 netns gateway
    ip -n host addr add 192.0.2.2/24 dev up0
    ip -n host addr add 10.8.0.2/32 dev lo
    ip -n host addr add 10.9.0.1/24 dev inside0
    ip -n guest addr add 10.9.0.2/24 dev g0
    ip -n router addr add 192.0.2.1/24 dev r0
    ip -n router addr add 198.51.100.1/24 dev r1
    ip -n router addr add $internet/32 dev lo
    ip -n router addr add $beyond/32 dev lo
    ip -n gateway addr add $gateway/24 dev w0
    ip -n gateway addr add $stranger/24 dev w0
    for end in 'host up0' 'host inside0' 'guest g0' 'router r0' 'router r1' 'gateway w0'; do
        ip -n "${end% *}" link set "${end#* }" up
    done
    ip -n host route add default via 192.0.2.1 src 10.8.0.2
    ip -n guest route add default via 10.9.0.1
    ip -n gateway route add default via 198.51.100.1
    ip -n router route add 10.0.0.0/8 via $gateway
    in_ns router nft -f - <<'END'
table netdev watch {
    counter encrypted { }
    counter astray { }
    counter clear { }
    chain cable {
        type filter hook ingress device r0 priority 0;
        ip protocol esp ip daddr 198.51.100.9 counter name encrypted accept
        ip protocol esp counter name astray accept
        ip daddr 203.0.112.0/20 counter name clear
    }
}
END
}

# state NAMESPACE FROM TO SPI, the key is not a secret.
state() {
    ip -n "$1" xfrm state add src "$2" dst "$3" proto esp spi "$4" reqid 1 mode tunnel \
        aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128
}
# policy NAMESPACE DIRECTION SOURCE DESTINATION FROM TO
policy() {
    ip -n "$1" xfrm policy add src "$3" dst "$4" dir "$2" \
        tmpl src "$5" dst "$6" proto esp reqid 1 mode tunnel
}
share_keys() {
    for name in host gateway; do
        state $name 192.0.2.2 $gateway 0x100
        state $name $gateway 192.0.2.2 0x200
        state $name 192.0.2.2 $stranger 0x300
    done
    policy gateway out 203.0.113.0/24 10.0.0.0/8 $gateway 192.0.2.2
    for direction in in fwd; do
        policy gateway $direction 10.0.0.0/8 203.0.113.0/24 192.0.2.2 $gateway
        policy host $direction 203.0.113.0/24 10.0.0.0/8 $gateway 192.0.2.2
    done
}
up() { policy host out 10.0.0.0/8 203.0.113.0/24 192.0.2.2 $gateway; }
down() { ip -n host xfrm policy delete src 10.0.0.0/8 dst 203.0.113.0/24 dir out; }
up_to_stranger() { policy host out 10.0.0.0/8 203.0.114.0/24 192.0.2.2 $stranger; }
down_to_stranger() { ip -n host xfrm policy delete src 10.0.0.0/8 dst 203.0.114.0/24 dir out; }

# flood FROM TO: as fast as it goes, until `calm`.
flood() {
    ip netns exec "$1" perl -MSocket -e 'socket S, PF_INET, SOCK_DGRAM, 0;
        while (1) { send S, "x", 0, sockaddr_in(443, inet_aton($ARGV[0])) }' "$2" &
    flooding=$!
}
calm() {
    kill "$flooding"
    wait "$flooding" 2>/dev/null
}
# packets NAMESPACE FAMILY TABLE COUNTER
packets() { in_ns "$1" nft list counter "$2" "$3" "$4" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
forget() { in_ns router nft reset counters >/dev/null; }
frames() { packets router netdev watch "$1"; }
some() { [ "$(frames "$1")" -gt 0 ]; }
none() { [ "$(frames "$1")" -eq 0 ]; }
# What the kill switch of the host has refused; `more` is the sign that a flood runs into it.
refusals() { packets host "$1" killswitchd "$2"; }
more() { [ "$(refusals "$1" "$2")" -gt $(($3 + 100)) ]; }
report() {
    echo "boot-test: ipsec: $1: encrypted $(frames encrypted), astray $(frames astray), clear $(frames clear)"
}

serve() {
    ip netns exec router perl -MSocket -e 'socket S, PF_INET, SOCK_STREAM, 0;
        bind S, sockaddr_in(80, INADDR_ANY) or die; listen S, 9;
        while (accept C, S) { 1 while sysread C, $got, 65536; syswrite C, "hello"; close C }' &
    serving=$!
}
# hears FROM BYTES: the internet's server answers to so much.
hears() {
    in_ns "$1" timeout 20 perl -MSocket -e 'socket S, PF_INET, SOCK_STREAM, 0;
        connect S, sockaddr_in(80, inet_aton($ARGV[0])) or exit 1;
        syswrite S, "x" x 1000 for 1 .. $ARGV[1] / 1000; shutdown S, 1;
        sysread S, $got, 9; exit($got eq "hello" ? 0 : 1)' $internet "$2"
}
stalls() { ! hears "$@"; }
answers() { ks status | head -n 1 | grep -q "^$1"; }

# What has to happen without the kill switch, else nothing is proven.
control() {
    up
    check within hears host 1000
    check hears guest 1000
    check none clear
    forget
    flood host $internet
    check within some encrypted
    check none clear
    down
    check within some clear
    calm
    report 'open, policy deleted under flow'
    forget
    up_to_stranger
    flood host $beyond
    check within some astray
    calm
    check none clear
    report 'open, keys for a stranger'
    down_to_stranger
    up
    forget
    masquerade
    flood host $internet
    check within some clear
    calm
    report 'open, masqueraded'
    in_ns host nft delete table ip nat
    down
}

masquerade() {
    in_ns host nft -f - <<'END'
table ip nat {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        oifname "up0" masquerade
    }
}
END
}

# cut FROM REASON WORDS: the policy is deleted under flow.
cut() {
    forget
    flood "$1" $internet
    check within some encrypted
    before=$(refusals inet "$2")
    down
    check within more inet "$2" "$before"
    calm
    check none clear
    report "$3"
}

locked() {
    forget
    before=$(refusals inet uplink)
    flood host $internet
    check within more inet uplink "$before"
    calm
    check none clear
    check none encrypted
    report locked
}

protected() {
    up
    check within answers PROTECTED
    check hears host 1000
    check hears guest 1000
    ks status
    cut host uplink 'policy deleted under flow'
    check within answers LOCKED
    up
    check within answers PROTECTED
    cut guest guest 'policy deleted under flow of a guest'
    check within answers LOCKED
    up
    check within answers PROTECTED
}

# Only an ICMP error from the router tells the host that its packets are too large.
narrow_path() {
    check hears host 200000
    ip -n router link set r1 mtu 1200
    in_ns host nft 'add table ip deaf; add chain ip deaf in { type filter hook input priority 0; };
        add rule ip deaf in ip protocol icmp drop'
    check stalls host 200000
    in_ns host nft delete table ip deaf
    check hears host 200000
    check hears guest 200000
    ip -n router link set r1 mtu 1500
}

astray() {
    up_to_stranger
    forget
    before=$(refusals inet uplink)
    flood host $beyond
    check within more inet uplink "$before"
    calm
    check none astray
    check none clear
    report 'keys for a stranger'
    down_to_stranger
}

masqueraded() {
    forget
    before=$(refusals netdev raw)
    masquerade
    flood host $internet
    check within more netdev raw "$before"
    calm
    check none clear
    report masqueraded
    in_ns host nft delete table ip nat
}

killed() {
    check hears host 1000
    kill -KILL "$service"
    wait "$service" 2>/dev/null
    cut host uplink 'service killed, policy deleted under flow'
}

cp "$(command -v killswitchd)" "$program" # Where its AppArmor profile does not hold it to its directories.
cat >/boot-test/ipsec.yaml <<END
version: 1
mode: always
tunnels:
  - name: office
    ipsec: policy
    endpoints: [$gateway:500/udp, $gateway:4500/udp, $gateway/esp]
guests: { interfaces: [inside0], reach: tunnel }
END
chmod 0600 /boot-test/ipsec.yaml
build_networks
share_keys
serve
control
mkdir -p /run/ipsec
# shellcheck disable=SC2086  # A list of words.
ip netns exec host "$program" run $dirs >/run/ipsec.log 2>&1 &
service=$!
check within answers LOCKED
locked
protected
narrow_path
astray
masqueraded
killed
kill "$serving"
cat /run/ipsec.log
