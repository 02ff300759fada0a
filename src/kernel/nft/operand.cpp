// SPDX-License-Identifier: GPL-2.0-or-later
#include "operand.hpp"

#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

namespace ks {

namespace {

using Type = Operand::Type;
using Implies = Operand::Implies;

std::uint64_t host_number(const std::string& data) {
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
    return value;
}

std::uint64_t wire_number(const std::string& data) {
    std::uint64_t value = 0;
    for (const char byte : data) {
        value = value << 8U | static_cast<std::uint8_t>(byte);
    }
    return value;
}

/// One bits from the left; more than there are when they are not together.
std::uint32_t prefix_of(const std::string& mask) {
    std::uint32_t bits = 0;
    bool ended = false;
    for (const char byte : mask) {
        const auto value = static_cast<std::uint8_t>(byte);
        const auto ones = static_cast<std::uint32_t>(std::countl_one(value));
        const bool whole = static_cast<std::uint8_t>(value << ones) == 0 || ones == 8;
        if (!whole || (ended && ones > 0)) {
            return ~0U;
        }
        bits += ones;
        ended = ended || ones < 8;
    }
    return bits;
}

Operand meta(const nftnl_expr* expr) {
    static const std::vector<std::pair<std::uint32_t, Operand>> kKeys{
        {NFT_META_NFPROTO, {"meta nfproto", Type::family}},
        {NFT_META_L4PROTO, {"meta l4proto", Type::protocol}},
        {NFT_META_PROTOCOL, {"meta protocol", Type::ether_type}},
        {NFT_META_IIFNAME, {"iifname", Type::name}},
        {NFT_META_OIFNAME, {"oifname", Type::name}},
        {NFT_META_IIFKIND, {"meta iifkind", Type::name}},
        {NFT_META_OIFKIND, {"meta oifkind", Type::name}},
        {NFT_META_IIFGROUP, {"iifgroup", Type::host_number}},
        {NFT_META_OIFGROUP, {"oifgroup", Type::host_number}},
        {NFT_META_IIF, {"iif", Type::index}},
        {NFT_META_OIF, {"oif", Type::index}},
        {NFT_META_MARK, {"meta mark", Type::hex}},
        {NFT_META_SKUID, {"meta skuid", Type::host_number}},
        {NFT_META_SKGID, {"meta skgid", Type::host_number}},
        {NFT_META_SECPATH, {"meta ipsec", Type::exists}},
        {NFT_META_LEN, {"meta length", Type::host_number}},
        {NFT_META_PRIORITY, {"meta priority", Type::hex}},
        {NFT_META_CGROUP, {"meta cgroup", Type::host_number}},
        {NFT_META_PKTTYPE, {"meta pkttype", Type::host_number}},
    };
    const std::uint32_t key = nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY);
    const auto known = std::ranges::find(kKeys, key, &std::pair<std::uint32_t, Operand>::first);
    Operand operand = known == kKeys.end() ? Operand{fmt::format("[meta {}]", key)} : known->second;
    operand.sets = nftnl_expr_is_set(expr, NFTNL_EXPR_META_SREG);
    operand.reg =
        nftnl_expr_get_u32(expr, operand.sets ? NFTNL_EXPR_META_SREG : NFTNL_EXPR_META_DREG);
    return operand;
}

Operand network_field(std::uint32_t offset, std::uint32_t bytes, const Context& context) {
    const bool v6 = context.family == NFPROTO_IPV6;
    const bool v4 = context.family == NFPROTO_IPV4;
    const std::uint32_t source = v6 ? 8 : 12;
    const std::uint32_t size = v6 ? 16 : 4;
    if ((v4 || v6) && bytes <= size && (offset == source || offset == source + size)) {
        return {fmt::format("{} {}", v6 ? "ip6" : "ip", offset == source ? "saddr" : "daddr"),
                Type::address,
                Implies::family,
                0,
                false,
                bytes * 8};
    }
    if (v6 && offset == 7 && bytes == 1) {
        return {"ip6 hoplimit", Type::wire_number, Implies::family};
    }
    if (v4 && offset == 9 && bytes == 1) {
        return {"ip protocol", Type::protocol, Implies::family};
    }
    if (v4 && offset == 6 && bytes == 2) {
        return {"ip frag-off", Type::wire_hex, Implies::family};
    }
    return {fmt::format("@nh,{},{}", offset * 8, bytes * 8)};
}

Operand transport_field(std::uint32_t offset, std::uint32_t bytes, const Context& context) {
    const std::string protocol = proto::name(context.protocol);
    const bool ports = context.protocol == IPPROTO_TCP || context.protocol == IPPROTO_UDP;
    const bool icmp = context.protocol == IPPROTO_ICMP || context.protocol == IPPROTO_ICMPV6;
    if (bytes == 2 && offset <= 2 && !icmp) {
        return {fmt::format("{} {}", ports ? protocol : "th", offset == 0 ? "sport" : "dport"),
                Type::wire_number, ports ? Implies::protocol : Implies::nothing};
    }
    if (bytes == 1 && offset <= 1 && icmp) {
        return {fmt::format("{} {}", context.protocol == IPPROTO_ICMP ? "icmp" : "icmpv6",
                            offset == 0 ? "type" : "code"),
                Type::wire_number, Implies::both};
    }
    if (bytes == 1 && offset == 13 && context.protocol == IPPROTO_TCP) {
        return {"tcp flags", Type::tcp_flags, Implies::protocol};
    }
    return {fmt::format("@th,{},{}", offset * 8, bytes * 8)};
}

Operand payload(const nftnl_expr* expr, const Context& context) {
    const std::uint32_t base = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_BASE);
    const std::uint32_t offset = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET);
    const std::uint32_t bytes = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_LEN);
    Operand operand =
        base == NFT_PAYLOAD_NETWORK_HEADER     ? network_field(offset, bytes, context)
        : base == NFT_PAYLOAD_TRANSPORT_HEADER ? transport_field(offset, bytes, context)
        : base == NFT_PAYLOAD_LL_HEADER ? Operand{fmt::format("@ll,{},{}", offset * 8, bytes * 8)}
                                        : Operand{"[payload]"};
    operand.sets = nftnl_expr_is_set(expr, NFTNL_EXPR_PAYLOAD_SREG);
    operand.reg =
        nftnl_expr_get_u32(expr, operand.sets ? NFTNL_EXPR_PAYLOAD_SREG : NFTNL_EXPR_PAYLOAD_DREG);
    return operand;
}

Operand conntrack(const nftnl_expr* expr) {
    const std::uint32_t key = nftnl_expr_get_u32(expr, NFTNL_EXPR_CT_KEY);
    const bool original = nftnl_expr_is_set(expr, NFTNL_EXPR_CT_DIR) &&
                          nftnl_expr_get_u8(expr, NFTNL_EXPR_CT_DIR) == 0;
    Operand operand = key == NFT_CT_STATE    ? Operand{"ct state", Type::ct_state}
                      : key == NFT_CT_STATUS ? Operand{"ct status", Type::ct_status}
                      : key == NFT_CT_PROTO_DST && original
                          ? Operand{"ct original proto-dst", Type::wire_number}
                      : key == NFT_CT_DIRECTION ? Operand{"ct direction", Type::direction}
                      : key == NFT_CT_MARK      ? Operand{"ct mark", Type::hex}
                                                : Operand{fmt::format("[ct {}]", key)};
    operand.sets = nftnl_expr_is_set(expr, NFTNL_EXPR_CT_SREG);
    operand.reg = nftnl_expr_get_u32(expr, operand.sets ? NFTNL_EXPR_CT_SREG : NFTNL_EXPR_CT_DREG);
    return operand;
}

Operand socket_field(const nftnl_expr* expr) {
    const std::uint32_t key = nftnl_expr_get_u32(expr, NFTNL_EXPR_SOCKET_KEY);
    Operand operand = key == NFT_SOCKET_CGROUPV2
                          ? Operand{fmt::format("socket cgroupv2 level {}",
                                                nftnl_expr_get_u32(expr, NFTNL_EXPR_SOCKET_LEVEL)),
                                    Type::host_number}
                      : key == NFT_SOCKET_MARK ? Operand{"socket mark", Type::hex}
                                               : Operand{fmt::format("[socket {}]", key)};
    operand.reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_SOCKET_DREG);
    return operand;
}

Operand route(const nftnl_expr* expr) {
    const std::uint32_t key = nftnl_expr_get_u32(expr, NFTNL_EXPR_RT_KEY);
    Operand operand = key == NFT_RT_XFRM ? Operand{"rt ipsec", Type::exists}
                                         : Operand{fmt::format("[rt {}]", key)};
    operand.reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_RT_DREG);
    return operand;
}

Operand extension(const nftnl_expr* expr) {
    const bool fragment = nftnl_expr_get_u8(expr, NFTNL_EXPR_EXTHDR_TYPE) == IPPROTO_FRAGMENT &&
                          nftnl_expr_get_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET) == 2;
    Operand operand{fragment ? "frag frag-off" : "[exthdr]", Type::wire_hex,
                    fragment ? Implies::family : Implies::nothing};
    operand.reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_EXTHDR_DREG);
    return operand;
}

/// The words of the bits that are set, the lowest first.
template <std::size_t N>
std::vector<std::string_view> words_of(std::uint64_t bits,
                                       const std::array<std::string_view, N>& all) {
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < N; ++i) {
        if ((bits >> i & 1U) != 0) {
            words.push_back(all[i]);
        }
    }
    return words;
}

std::string state_text(std::uint64_t bits) {
    constexpr std::array<std::string_view, 7> kWords{"invalid", "established", "related", "new", "",
                                                     "",        "untracked"};
    return fmt::format("{}", fmt::join(words_of(bits, kWords), ","));
}

std::string status_text(std::uint64_t bits) {
    constexpr std::array<std::string_view, 10> kWords{
        "expected", "seen-reply", "assured", "confirmed", "snat", "dnat", "", "", "", "dying"};
    return fmt::format("{}", fmt::join(words_of(bits, kWords), ","));
}

std::string flags_text(std::uint64_t bits) {
    constexpr std::array<std::string_view, 8> kWords{"fin", "syn", "rst", "psh",
                                                     "ack", "urg", "ecn", "cwr"};
    const auto words = words_of(bits, kWords);
    const std::string text = fmt::format("{}", fmt::join(words, " | "));
    return words.size() == 1 ? text : fmt::format("({})", text);
}

}  // namespace

std::string hex_text(const std::string& data) {
    const auto* const first = reinterpret_cast<const std::uint8_t*>(data.data());
    return fmt::format("0x{:02x}", fmt::join(first, first + data.size(), ""));
}

std::string address_text(const std::string& data) {
    if (data.size() != 4 && data.size() != 16) {
        return hex_text(data);
    }
    IpAddress address{data.size() == 4 ? IpFamily::v4 : IpFamily::v6, {}};
    std::memcpy(address.bytes.data(), data.data(), data.size());
    return address.str();
}

std::string object_word(std::uint32_t type) {
    constexpr std::array<const char*, 11> kWords{
        "object", "counter",    "quota",   "ct helper",      "limit",   "connlimit",
        "tunnel", "ct timeout", "secmark", "ct expectation", "synproxy"};
    return kWords[type < kWords.size() ? type : 0];
}

Operand operand_of(const nftnl_expr* expr, const Context& context) {
    const std::string_view name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
    if (name == "meta") {
        return meta(expr);
    }
    if (name == "payload") {
        return payload(expr, context);
    }
    if (name == "ct") {
        return conntrack(expr);
    }
    if (name == "socket") {
        return socket_field(expr);
    }
    if (name == "exthdr") {
        return extension(expr);
    }
    if (name == "rt") {
        return route(expr);
    }
    Operand operand{fmt::format("[{}]", name)};
    operand.reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_FIB_DREG);
    return operand;
}

void apply_mask(Operand& operand, const std::string& mask, const std::string& flipped) {
    const bool plain = std::ranges::all_of(flipped, [](char byte) { return byte == 0; });
    if ((operand.type == Type::ct_state || operand.type == Type::ct_status) && plain) {
        operand.text += " & " + value_text(operand, mask);
    } else if (operand.type == Type::address && plain && prefix_of(mask) < operand.bits) {
        operand.bits = prefix_of(mask);
    } else {
        operand.text += fmt::format(" & {}", value_text(operand, mask));
        operand.text += plain ? "" : fmt::format(" ^ {}", value_text(operand, flipped));
    }
}

std::string comparison(const Operand& operand, const std::string& sign, const std::string& data) {
    const bool of_bits = operand.type == Type::ct_state || operand.type == Type::ct_status;
    if (const auto mask = operand.text.find(" & ");
        of_bits && mask != std::string::npos && sign == "!= ") {
        return std::string(operand.text).erase(mask, 2);  // Any of these bits.
    }
    if (operand.type == Type::exists) {
        const bool is = (host_number(data) != 0) == sign.empty();
        return fmt::format("{} {}", operand.text, is ? "exists" : "missing");
    }
    const bool masked = operand.text.find(" & ") != std::string::npos;
    return fmt::format("{} {}{}", operand.text, masked && sign.empty() ? "== " : sign,
                       value_text(operand, data));
}

std::string value_text(const Operand& operand, const std::string& data) {
    constexpr std::size_t kNameBytes = 16;
    switch (operand.type) {
    case Type::host_number:
        return std::to_string(host_number(data));
    case Type::wire_number:
        return std::to_string(wire_number(data));
    case Type::hex:
        return fmt::format("0x{:08x}", host_number(data));
    case Type::wire_hex:
        return hex_text(data);
    case Type::name: {
        const std::string name = data.substr(0, data.find('\0'));
        return fmt::format("\"{}{}\"", name, data.size() < kNameBytes ? "*" : "");
    }
    case Type::address: {
        const std::size_t whole = data.size() <= 4 && operand.text.starts_with("ip ") ? 4 : 16;
        std::string address = data;
        address.resize(whole);
        return operand.bits < whole * 8 ? fmt::format("{}/{}", address_text(address), operand.bits)
                                        : address_text(address);
    }
    case Type::family:
        return wire_number(data) == NFPROTO_IPV4   ? "ipv4"
               : wire_number(data) == NFPROTO_IPV6 ? "ipv6"
                                                   : std::to_string(wire_number(data));
    case Type::protocol:
        return std::string(proto::name(static_cast<std::uint8_t>(wire_number(data))));
    case Type::ether_type:
        return wire_number(data) == ETH_P_IP     ? "ip"
               : wire_number(data) == ETH_P_IPV6 ? "ip6"
               : wire_number(data) == ETH_P_ARP  ? "arp"
                                                 : hex_text(data);
    case Type::index:
        return host_number(data) == 1 ? "\"lo\"" : std::to_string(host_number(data));
    case Type::ct_state:
        return state_text(host_number(data));
    case Type::ct_status:
        return status_text(host_number(data));
    case Type::tcp_flags:
        return flags_text(wire_number(data));
    case Type::direction:
        return host_number(data) == 0 ? "original" : "reply";
    case Type::exists:
        return std::to_string(host_number(data));
    }
    return hex_text(data);
}

}  // namespace ks
