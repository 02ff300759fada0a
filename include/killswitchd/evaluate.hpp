// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Packet as the rules see it, for evaluate(). Absent optionals mean "the packet has none".
struct PacketView {
    Hook hook = Hook::output;
    std::string in_interface;   ///< Empty on output.
    std::string out_interface;  ///< Empty on input.
    std::string in_kind;        ///< Kind of link, as rtnetlink calls it; empty: hardware, or none.
    std::string out_kind;
    std::uint32_t in_group = 0;  ///< Of the interface, as `ip link` calls it.
    std::uint32_t out_group = 0;
    IpAddress source;
    IpAddress destination;  ///< Of the same family as `source`.
    std::uint8_t protocol = proto::kUdp;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;
    std::optional<IpAddress> inner_destination;  ///< Of an ICMP error.
    bool ct_established = false;                 ///< Conntrack's state is established or related.
    bool ct_reply = false;
    /// The destination port from before another table translated the destination; absent: none did.
    std::optional<std::uint16_t> translated_from{};
    bool known_flow = false;      ///< UDP whose flow some rule has learned.
    bool later_fragment = false;  ///< Has no transport header, whatever the fields above say.
    std::uint8_t hop_limit = 64;
    bool tcp_opening = false;       ///< SYN without ACK.
    std::uint8_t tcp_flags = 0x10;  ///< Of one that is not opening, as on the wire.
    std::uint32_t mark = 0;
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
    std::vector<std::uint64_t> cgroups;  ///< Ids of the sender's cgroup at level 1, 2, ...
    bool remembered = false;             ///< Its flow is in the set of flows that is asked.
    std::uint32_t carried = 0;           ///< Evaluation::carried of Hook::output.
    bool to_encrypt = false;             ///< An IPsec policy takes it.
    bool decrypted = false;              ///< It came inside an IPsec packet.
};

struct Evaluation {
    Verdict verdict = Verdict::drop;  ///< Never jump.
    std::string chain;                ///< Where it was decided; the base chain for its policy.
    std::size_t rule = 0;             ///< Index in `chain`; its size for the policy.
    std::string counter;              ///< Of the last rule on the way that counted the packet.
    std::string comment;
    std::uint32_t carried = 0;  ///< Bits of Carry that the packet takes to Hook::postrouting.
    std::string counted_in{};   ///< The chain of that rule, and its index.
    std::size_t counted_at = 0;
    bool learned = false;  ///< A rule on the way has learned its flow.
};

/// What the kernel would do with `packet` at its hook. Pure.
[[nodiscard]] Evaluation evaluate(const Ruleset& ruleset, const PacketView& packet);
/// The same at its hook and, where that accepts what leaves by `packet.out_interface`, at
/// Hook::postrouting: of the hook that refuses, else of the first.
[[nodiscard]] Evaluation follow(const Ruleset& ruleset, PacketView packet);

}  // namespace ks
