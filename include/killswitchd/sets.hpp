// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ks {

/// What the elements of a set consist of.
struct SetKey {
    IpFamily family = IpFamily::v4;
    enum class Of : std::uint8_t {
        address,
        endpoint,      ///< Address, protocol and port.
        network,       ///< The first `length` bits of an address.
        interface,     ///< The name of an interface; of no family.
        link_network,  ///< Interface and network: a network is near by its own interface alone.
        flow,          ///< Addresses and ports of a TCP connection; see Rule::remember.
        answer,        ///< The far address and port of UDP, and our port: see Rule::learn.
        packet_type,   ///< How the link layer addressed a packet: each is of some type.
        user,          ///< Of the sending socket.
    } of = Of::address;
    std::uint8_t length = 0;  ///< Of every network in the set.
    friend bool operator==(const SetKey&, const SetKey&) = default;
};

/// Whether what a set of such keys holds is of one of the two families.
[[nodiscard]] bool has_family(const SetKey& key) noexcept;

/// How many flows a set of them holds, and how long after the last packet of each: a socket that
/// its program has closed sends again after two minutes at the latest. Source: Linux TCP_RTO_MAX.
inline constexpr std::uint32_t kMostFlows = 262'144;
inline constexpr std::chrono::milliseconds kFlowMemory{300'000};
/// The same of answers, and how often the kernel looks for those that are over: in each family
/// about 7 MB of its memory. Source: RFC 4787, section 4.3: at least two minutes.
inline constexpr std::uint32_t kMostAnswers = 65536;
inline constexpr std::chrono::minutes kAnswerTimeout{3};
inline constexpr std::chrono::seconds kAnswersCollected{30};

/// An element that the kernel forgets by itself.
struct TimedElement {
    std::uint32_t value = 0;
    std::chrono::nanoseconds until{};  ///< Since boot; see since_boot().
    friend bool operator==(const TimedElement&, const TimedElement&) = default;
};

/// Of SetKey::Of::packet_type, from 0 on. Source: Linux sk_buff::pkt_type, three bits.
inline constexpr std::uint32_t kPacketTypes = 8;

/// Hash set. There are no interval sets: the kernel may miss an element of one while others change
/// (before Linux 6.17), and it takes seconds to load a large one.
struct Set {
    std::string name;
    SetKey key;  ///< Of flows and answers: rules fill it, and nobody is to know its elements.
    /// Of addresses and endpoints. Sorted, unique; only `address` counts in a set of addresses.
    std::vector<Endpoint> elements;
    /// Of networks and interfaces. Sorted, unique; what the key does not name is as in
    /// LinkNetwork{}.
    std::vector<LinkNetwork> networks{};
    /// Of packet types and users. Sorted by value, unique.
    std::vector<TimedElement> timed{};
    friend bool operator==(const Set&, const Set&) = default;
};

/// The sets whose elements the kernel takes away when a pause ends, by name.

/// Of packet types: it has elements while everything may pass.
inline constexpr const char* kPausedSet = "paused";
/// Of the users who have a pause of their own.
inline constexpr const char* kPausedUsersSet = "paused_users";
/// Of packet types: it has elements while some user has a pause, for the answers.
inline constexpr const char* kPausedAnswersSet = "paused_answers";

}  // namespace ks
