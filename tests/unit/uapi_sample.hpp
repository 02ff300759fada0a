// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace ks::testing {

/// An answer of wireguard-go.
inline constexpr std::string_view kUapiSample =
    "private_key=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a\n"
    "listen_port=45432\n"
    "fwmark=51820\n"
    "public_key=b85996fecc89c9fc5b63d2572a6f55dfbc27fb6e61e8ee26eb45dce2fbfc5c27\n"
    "preshared_key=188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52\n"
    "protocol_version=1\n"
    "endpoint=203.0.113.7:51820\n"
    "last_handshake_time_sec=1796026812\n"
    "last_handshake_time_nsec=430741000\n"
    "tx_bytes=38333\n"
    "rx_bytes=2224\n"
    "persistent_keepalive_interval=25\n"
    "allowed_ip=0.0.0.0/0\n"
    "allowed_ip=::/0\n"
    "public_key=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376\n"
    "preshared_key=0000000000000000000000000000000000000000000000000000000000000000\n"
    "protocol_version=1\n"
    "endpoint=[2001:db8::7]:443\n"
    "last_handshake_time_sec=0\n"
    "last_handshake_time_nsec=0\n"
    "tx_bytes=0\n"
    "rx_bytes=0\n"
    "persistent_keepalive_interval=0\n"
    "allowed_ip=192.168.4.6/32\n"
    "errno=0\n"
    "\n";

}  // namespace ks::testing
