// SPDX-License-Identifier: GPL-2.0-or-later
#include "set_keys.hpp"

#include <cstdint>

#include <linux/netfilter/nf_tables.h>

namespace ks {

namespace {

constexpr std::uint32_t kReg = Expressions::kReg;

/// The address, or as much of it as the networks of a set have.
void load_network(Expressions& out, const SetKey& key, bool destination, std::uint32_t reg) {
    const IpAddress ones = mask_of(key.family, key.length);
    const auto bytes = static_cast<std::uint32_t>(ones.size());
    out.payload(NFT_PAYLOAD_NETWORK_HEADER, address_offset(key.family, destination), bytes, reg);
    if (key.length != 0 && key.length != ones.bits()) {
        out.mask(ones.bytes.data(), bytes, reg);
    }
}

}  // namespace

std::uint32_t address_offset(IpFamily family, bool destination) noexcept {
    // Source: RFC 791, section 3.1; RFC 8200, section 3.
    if (family == IpFamily::v4) {
        return destination ? 16 : 12;
    }
    return destination ? 24 : 8;
}

void load_flow(Expressions& out, IpFamily family) {
    const bool v4 = family == IpFamily::v4;
    const std::uint32_t bytes = v4 ? 4 : 16;
    out.payload(NFT_PAYLOAD_NETWORK_HEADER, address_offset(family, /*destination=*/false), bytes,
                kReg);
    out.payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, v4 ? NFT_REG32_01 : NFT_REG_2);
    out.payload(NFT_PAYLOAD_NETWORK_HEADER, address_offset(family, /*destination=*/true), bytes,
                v4 ? NFT_REG32_02 : NFT_REG32_05);
    out.payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, v4 ? NFT_REG32_03 : NFT_REG32_09);
}

void load_key(Expressions& out, const match::InSet& in) {
    const bool destination = in.far == match::InSet::Far::destination;
    const bool v4 = in.key.family == IpFamily::v4;
    const std::uint32_t interface_key = destination ? NFT_META_OIFNAME : NFT_META_IIFNAME;
    switch (in.key.of) {
    case SetKey::Of::address:
    case SetKey::Of::network:
        return load_network(out, in.key, destination, kReg);
    case SetKey::Of::endpoint:
        load_network(out, in.key, destination, kReg);
        out.meta(NFT_META_L4PROTO, v4 ? NFT_REG32_01 : NFT_REG_2);
        out.payload(NFT_PAYLOAD_TRANSPORT_HEADER, destination ? 2 : 0, 2,
                    v4 ? NFT_REG32_02 : NFT_REG32_05);
        return;
    case SetKey::Of::interface:
        return out.meta(interface_key);
    case SetKey::Of::link_network:
        out.meta(interface_key);
        return load_network(out, in.key, destination, NFT_REG_2);
    case SetKey::Of::flow:
        return load_flow(out, in.key.family);
    case SetKey::Of::answer:
        load_network(out, in.key, destination, kReg);
        out.payload(NFT_PAYLOAD_TRANSPORT_HEADER, destination ? 2 : 0, 2,
                    v4 ? NFT_REG32_01 : NFT_REG_2);
        out.payload(NFT_PAYLOAD_TRANSPORT_HEADER, destination ? 0 : 2, 2,
                    v4 ? NFT_REG32_02 : NFT_REG32_05);
        return;
    case SetKey::Of::packet_type:
        return out.meta(NFT_META_PKTTYPE);
    case SetKey::Of::user:
        return out.meta(NFT_META_SKUID);
    }
}

}  // namespace ks
