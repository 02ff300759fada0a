// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "objects.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <libnftnl/udata.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <net/if.h>

namespace ks {

namespace {

constexpr std::uint32_t kField = 4;  // Every field of a key begins at a multiple of it.

std::string bytes_of(const IpAddress& address) {
    const auto* const first = address.bytes.data();
    return {first, first + address.size()};
}

std::string bytes_of(std::uint8_t protocol, std::uint16_t port) {
    std::array<char, std::size_t{2} * kField> bytes{};
    const std::uint16_t wire_port = htons(port);
    std::memcpy(bytes.data(), &protocol, sizeof(protocol));
    std::memcpy(&bytes[kField], &wire_port, sizeof(wire_port));
    return {bytes.begin(), bytes.end()};
}

std::string bytes_of(const std::string& interface) {
    std::string bytes = interface.substr(0, IFNAMSIZ - 1);
    bytes.resize(IFNAMSIZ);
    return bytes;
}

bool in_host_order(const SetKey& key) {
    return key.of == SetKey::Of::interface || key.of == SetKey::Of::packet_type ||
           key.of == SetKey::Of::user;
}

/// Without it nft lists the names in a set of interfaces as empty, and numbers reversed.
bool add_host_byte_order(nftnl_set* set) {
    using Udata = CHandle<nftnl_udata_buf, nftnl_udata_buf_free>;
    constexpr std::uint32_t kHostEndian = 1;  // Source: nftables, enum byteorder.
    const Udata udata{nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN)};
    if (!udata || !nftnl_udata_put_u32(udata.get(), NFTNL_UDATA_SET_KEYBYTEORDER, kHostEndian)) {
        return false;
    }
    nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata.get()),
                       nftnl_udata_buf_len(udata.get()));
    return true;
}

struct KeyShape {
    std::uint32_t type;
    std::uint32_t bytes;
};

/// nft's own numbers for its types, so that `nft list` shows addresses and ports; and no more than
/// nft says, so that it finds the set of its text to be this one.
KeyShape shape_of(const SetKey& key) {
    constexpr std::uint32_t kV4 = 7, kV6 = 8, kProtocol = 12, kService = 13, kName = 41, kBits = 6;
    constexpr std::uint32_t kUser = 24, kPacketType = 31;
    const bool v4 = key.family == IpFamily::v4;
    const std::uint32_t address = v4 ? kV4 : kV6;
    const std::uint32_t bytes = v4 ? 4 : 16;
    switch (key.of) {
    case SetKey::Of::address:
    case SetKey::Of::network:
        return {address, bytes};
    case SetKey::Of::endpoint:
        return {((address << kBits | kProtocol) << kBits) | kService, bytes + 2 * kField};
    case SetKey::Of::interface:
        return {kName, IFNAMSIZ};
    case SetKey::Of::link_network:
        return {kName << kBits | address, IFNAMSIZ + bytes};
    case SetKey::Of::flow:
        return {((address << kBits | kService) << kBits | address) << kBits | kService,
                2 * (bytes + kField)};
    case SetKey::Of::answer:
        return {((address << kBits | kService) << kBits) | kService, bytes + 2 * kField};
    case SetKey::Of::packet_type:
        return {kPacketType, 1};
    case SetKey::Of::user:
        return {kUser, sizeof(std::uint32_t)};
    }
    return {address, bytes};
}

}  // namespace

std::uint32_t hook_number(Hook hook) noexcept {
    constexpr std::uint32_t kNetdevEgress = 1;  // NF_NETDEV_EGRESS is younger than our headers.
    switch (hook) {
    case Hook::input:
        return NF_INET_LOCAL_IN;
    case Hook::forward:
        return NF_INET_FORWARD;
    case Hook::output:
        return NF_INET_LOCAL_OUT;
    case Hook::postrouting:
        return NF_INET_POST_ROUTING;
    case Hook::arp_input:
        return NF_ARP_IN;
    case Hook::egress:
        return kNetdevEgress;
    }
    return NF_INET_LOCAL_OUT;
}

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
            nftnl_chain_set_s32(made.get(), NFTNL_CHAIN_PRIO, priority_of(*chain.hook));
            nftnl_chain_set_u32(made.get(), NFTNL_CHAIN_POLICY, NF_DROP);
        }
        if (chain.hook && chain.device && !at_every_device(chain)) {
            nftnl_chain_set_str(made.get(), NFTNL_CHAIN_DEV, chain.device->name.c_str());
        }
    }
    return made;
}

std::vector<std::string> element_keys(const Set& set) {
    std::vector<std::string> keys;
    for (const Endpoint& element : set.elements) {
        keys.push_back(bytes_of(element.address));
        if (set.key.of == SetKey::Of::endpoint) {
            keys.back() += bytes_of(element.protocol, element.port);
        }
    }
    for (const LinkNetwork& element : set.networks) {
        keys.push_back(set.key.of == SetKey::Of::network ? "" : bytes_of(element.interface));
        if (set.key.of != SetKey::Of::interface) {
            keys.back() += bytes_of(element.network.address);
        }
    }
    std::ranges::sort(keys);
    return keys;
}

std::map<std::string, std::chrono::nanoseconds> timed_keys(const Set& set) {
    std::map<std::string, std::chrono::nanoseconds> keys;
    for (const TimedElement& element : set.timed) {
        std::string key(sizeof element.value, '\0');
        std::memcpy(key.data(), &element.value, sizeof element.value);
        if (set.key.of == SetKey::Of::packet_type) {
            key.assign(1, static_cast<char>(element.value));
        }
        keys.emplace(std::move(key), element.until);
    }
    return keys;
}

NftSet make_set(const Set& set) {
    NftSet made{nftnl_set_alloc()};
    if (!made) {
        return nullptr;
    }
    const KeyShape shape = shape_of(set.key);
    nftnl_set_set_u32(made.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
    nftnl_set_set_str(made.get(), NFTNL_SET_TABLE, kTable);
    nftnl_set_set_str(made.get(), NFTNL_SET_NAME, set.name.c_str());
    nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_TYPE, shape.type);
    nftnl_set_set_u32(made.get(), NFTNL_SET_KEY_LEN, shape.bytes);
    if (set.key.of == SetKey::Of::flow) {
        nftnl_set_set_u32(made.get(), NFTNL_SET_FLAGS, NFT_SET_EVAL | NFT_SET_TIMEOUT);
        nftnl_set_set_u64(made.get(), NFTNL_SET_TIMEOUT,
                          static_cast<std::uint64_t>(kFlowMemory.count()));
        nftnl_set_set_u32(made.get(), NFTNL_SET_DESC_SIZE, kMostFlows);
    }
    if (set.key.of == SetKey::Of::answer) {
        const std::chrono::milliseconds timeout = kAnswerTimeout;
        const std::chrono::milliseconds collected = kAnswersCollected;
        nftnl_set_set_u32(made.get(), NFTNL_SET_FLAGS, NFT_SET_EVAL | NFT_SET_TIMEOUT);
        nftnl_set_set_u64(made.get(), NFTNL_SET_TIMEOUT,
                          static_cast<std::uint64_t>(timeout.count()));
        nftnl_set_set_u32(made.get(), NFTNL_SET_GC_INTERVAL,
                          static_cast<std::uint32_t>(collected.count()));
        nftnl_set_set_u32(made.get(), NFTNL_SET_DESC_SIZE, kMostAnswers);
    }
    if (!set.timed.empty()) {
        nftnl_set_set_u32(made.get(), NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
    }
    return !in_host_order(set.key) || add_host_byte_order(made.get()) ? std::move(made) : nullptr;
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
