// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "objects.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>

namespace ks {

namespace {

constexpr std::uint32_t kNetdevEgress = 1;  // NF_NETDEV_EGRESS is younger than our headers.

std::uint32_t hook_number(Hook hook) {
    switch (hook) {
    case Hook::input:
        return NF_INET_LOCAL_IN;
    case Hook::forward:
        return NF_INET_FORWARD;
    case Hook::output:
        return NF_INET_LOCAL_OUT;
    case Hook::arp_input:
        return NF_ARP_IN;
    case Hook::egress:
        return kNetdevEgress;
    }
    return NF_INET_LOCAL_OUT;
}

}  // namespace

std::uint16_t number_of(TableFamily family) noexcept {
    switch (family) {
    case TableFamily::inet:
        return NFPROTO_INET;
    case TableFamily::arp:
        return NFPROTO_ARP;
    case TableFamily::netdev:
        return NFPROTO_NETDEV;
    }
    return NFPROTO_INET;
}

NftChain make_chain(const Chain& chain) {
    NftChain made{nftnl_chain_alloc()};
    if (made) {
        nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TABLE, kTable);
        nftnl_chain_set_str(made.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
        if (chain.hook) {
            nftnl_chain_set_str(made.get(), NFTNL_CHAIN_TYPE, "filter");
            nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_HOOKNUM, hook_number(*chain.hook));
            nftnl_chain_set_s32(made.get(), NFTNL_CHAIN_PRIO, kPriority);
            nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_POLICY, NF_DROP);
        }
        if (chain.device) {
            nftnl_chain_set_str(made.get(), NFTNL_CHAIN_DEV, chain.device->name.c_str());
        }
    }
    return made;
}

std::string element_key(const Endpoint& element, const SetKey& key) {
    constexpr std::size_t kField = 4;
    const auto* const address = element.address.bytes.data();
    std::string bytes(address, address + element.address.size());
    if (key.of == SetKey::Of::endpoint) {
        std::array<std::uint8_t, 2 * kField> rest{};
        const std::uint16_t port = htons(element.port);
        rest[0] = element.protocol;
        std::memcpy(&rest[kField], &port, sizeof(port));
        bytes.append(rest.begin(), rest.end());
    }
    return bytes;
}

NftSet make_set(const Set& set) {
    // nft's own numbers for its types, so that `nft list` shows addresses and ports; and no more
    // than nft says, so that it finds the set of its text to be this one.
    constexpr std::uint32_t kV4 = 7, kV6 = 8, kProtocol = 12, kService = 13, kBits = 6;
    NftSet made{nftnl_set_alloc()};
    if (!made) {
        return nullptr;
    }
    const bool v4 = set.key.family == IpFamily::v4;
    std::uint32_t type = v4 ? kV4 : kV6;
    nftnl_set_set_u32(made.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
    nftnl_set_set_str(made.get(), NFTNL_SET_TABLE, kTable);
    nftnl_set_set_str(made.get(), NFTNL_SET_NAME, set.name.c_str());
    if (set.key.of == SetKey::Of::endpoint) {
        type = ((type << kBits | kProtocol) << kBits) | kService;
    }
    nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_TYPE, type);
    nftnl_set_set_u32(
        made.get(), NFTNL_SET_KEY_LEN,
        static_cast<std::uint32_t>(element_key({{set.key.family, {}}, 0, 0}, set.key).size()));
    return made;
}

NftObject make_counter(const std::string& name) {
    NftObject made{nftnl_obj_alloc()};
    if (made) {
        nftnl_obj_set_u32(made.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
        nftnl_obj_set_str(made.get(), NFTNL_OBJ_TABLE, kTable);
        nftnl_obj_set_str(made.get(), NFTNL_OBJ_NAME, name.c_str());
        nftnl_obj_set_u64(made.get(), NFTNL_OBJ_CTR_PKTS, 0);
        nftnl_obj_set_u64(made.get(), NFTNL_OBJ_CTR_BYTES, 0);
    }
    return made;
}

}  // namespace ks
