// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <string>

namespace ks::testing {

/// A file as its program or a provider writes it.
struct Sample {
    std::string path;
    std::string text;
};

inline const Sample kWgQuick{"/etc/wireguard/wg0.conf", R"(# Laptop
[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.2.0.2/32, fd00:2::2/128
DNS = 10.2.0.1
PostUp = ip rule add from 192.0.2.50 lookup 128 # keep ssh

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.113.7:51820   # Zurich
PersistentKeepalive = 25

[peer]
publickey=TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
allowedips = 10.9.0.0/24
ENDPOINT=[2001:db8::7]:443
)"};

inline const Sample kWgPlain{"/etc/wireguard/plain.conf", R"([Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 51820
FwMark = 0x1234

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0
Endpoint = 203.0.113.7:51820
)"};

inline const Sample kOpenVpn{"/etc/openvpn/client/home.ovpn", R"(# Provider's file
client
dev tun3
proto udp
remote 203.0.113.20 1194
remote 203.0.113.21 443 tcp-client ; the slow one
remote "203.0.113.22" 1195 udp4
remote-random
mark 4660
auth-user-pass 'my file'
<ca>
-----BEGIN CERTIFICATE-----
remote 198.51.100.1 1
-----END CERTIFICATE-----
</ca>
)"};

inline const Sample kOpenVpnBlocks{"/etc/openvpn/blocks.conf", R"(client
dev tun
port 1300
proto tcp
remote 198.51.100.1
<connection>
remote 203.0.113.20
</connection>
<connection>
remote 203.0.113.21 1194 udp6
</connection>
<connection>
remote 203.0.113.22 443
http-proxy 198.51.100.8 3128
</connection>
<connection>
remote 203.0.113.23 443
socks-proxy 198.51.100.9
</connection>
)"};

inline const Sample kKeyfileWireguard{"/etc/NetworkManager/system-connections/nl.nmconnection",
                                      R"([connection]
id=nl
uuid=6c1f0a5e-6c0b-4c0f-9d4c-2f6a3d0f2a11
type=wireguard
interface-name=nl-free

[wireguard]
fwmark=51821
private-key=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=

[wireguard-peer.xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=]
endpoint=203.0.113.30:51820
allowed-ips=0.0.0.0/0;::/0;

[wireguard-peer.TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=]
endpoint=[2001:db8::30]:51820
allowed-ips=10.9.0.0/24;
)"};

inline const Sample kKeyfileOpenVpn{"/etc/NetworkManager/system-connections/Home Office",
                                    R"([connection]
id=Home Office
type=vpn

[vpn]
ca=/etc/openvpn/ca.pem
connection-type=password
port=1300
proto-tcp=yes
remote=203.0.113.40, 203.0.113.41:443, 203.0.113.42:1194:udp [2001:db8::40]:1194:udp6
service-type=org.freedesktop.NetworkManager.openvpn
)"};

inline const Sample kKeyfileStrongswan{"/etc/NetworkManager/system-connections/ike.nmconnection",
                                       R"([connection]
type=vpn

[vpn]
address=203.0.113.50
method=eap
service-type=org.freedesktop.NetworkManager.strongswan
)"};

inline const Sample kKeyfileOpenconnect{"/etc/NetworkManager/system-connections/oc.nmconnection",
                                        R"([connection]
type=vpn

[vpn]
gateway=https://203.0.113.60:8443/group
protocol=anyconnect
service-type=org.freedesktop.NetworkManager.openconnect
)"};

inline const Sample kSwanctl{"/etc/swanctl/swanctl.conf", R"(# strongSwan
connections {
    defaults : { version = 2 }
    home {
        remote_addrs = 203.0.113.70, 203.0.113.71
        local { auth = pubkey }
        remote {
            id = "CN=vpn, O=\"Example\""
        }
        children { net { remote_ts = 0.0.0.0/0 } }
    }
    odd : conn-defaults
    {
        remote_addrs = "203.0.113.72"
        remote_port = 4501 # by NAT
    }
    callers { remote_addrs = %any }
}
secrets {
    ike-1 { secret = "p {a} = ss" }
}
)"};

inline const Sample kIpsecConf{"/etc/ipsec.conf", R"(config setup
	charondebug="ike 1"

conn %default
	keyexchange=ikev2

conn home
	left=%defaultroute
	right=203.0.113.80   # Zurich
	rightid=%any
	auto=start

conn callers
	right=%any
)"};

inline const std::array kSamples{
    kWgQuick,          kWgPlain,        kOpenVpn,           kOpenVpnBlocks,
    kKeyfileWireguard, kKeyfileOpenVpn, kKeyfileStrongswan, kKeyfileOpenconnect,
    kSwanctl,          kIpsecConf};

}  // namespace ks::testing
