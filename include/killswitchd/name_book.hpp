// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

// What is known of the names of endpoints. Pure: whoever asks says what time it is.

inline constexpr std::size_t kMaxNames = 256;            ///< Further ones are not looked up.
inline constexpr std::size_t kMaxAddressesOfName = 32;   ///< The same, of one name.
inline constexpr std::chrono::seconds kShortestTtl{30};  ///< A shorter one counts as this.
inline constexpr std::chrono::seconds kLongestTtl = std::chrono::hours(24);
/// How long an address stays that the newest answer no longer has: a client may just be connecting
/// to it.
inline constexpr std::chrono::seconds kLinger = std::chrono::minutes(10);

struct KnownAddress {
    IpAddress address;
    std::chrono::system_clock::time_point seen;  ///< When an answer last had it.
    friend bool operator==(const KnownAddress&, const KnownAddress&) = default;
};

struct KnownName {
    std::vector<KnownAddress> addresses{};  ///< Each once; those of the newest answer first.
    /// When it is to be asked for next, since boot; the past: at once. Of this process alone, as
    /// what follows.
    std::chrono::nanoseconds due{};
    unsigned failures = 0;  ///< In a row.
    std::string problem{};  ///< Why the last question had no answer; empty when it had.
    friend bool operator==(const KnownName&, const KnownName&) = default;
};

/// Name -> what is known of it.
using NameBook = std::map<std::string, KnownName>;

/// What is made of an answer's addresses.
struct Vetted {
    std::vector<IpAddress> addresses;  ///< That may be an endpoint on the internet; each once.
    std::vector<std::string> refused;  ///< One sentence for each of the others.
};
/// An answer is foreign data: what is no single host of the internet is refused, and so are the
/// `servers` that were asked, whose port 53 must not open to others.
[[nodiscard]] Vetted vet(const std::vector<IpAddress>& answer,
                         const std::vector<IpAddress>& servers);

struct NameMoment {
    std::chrono::system_clock::time_point wall;
    std::chrono::nanoseconds since_boot{};
};

/// How urgent it is that addresses are current.
enum class Pace : std::uint8_t {
    needed,  ///< Rules depend on them: by their TTL.
    idle,    ///< Nothing is blocked: once an hour.
};
/// Whether a tunnel may be talking to one of the addresses: then none is taken away.
enum class InUse : std::uint8_t { no, yes };

/// Takes `addresses`, of which there is at least one, as the newest answer.
void note_answer(KnownName& name, const std::vector<IpAddress>& addresses, std::chrono::seconds ttl,
                 const NameMoment& now, Pace pace, InUse in_use);
/// What was known stays; it is asked for again after 1 s, 2 s, 4 s, ... 60 s, idle once an hour.
void note_failure(KnownName& name, std::string why, const NameMoment& now, Pace pace);

/// The addresses are needed now: all that was not answered just now is due.
void hurry(NameBook& book, const NameMoment& now);

/// Leaves `names` alone in the book, and adds those that are not there.
void keep_names(NameBook& book, const std::vector<std::string>& names);

/// The moment at which the next name is due, since boot; nothing without names.
[[nodiscard]] std::optional<std::chrono::nanoseconds> next_due(const NameBook& book);

/// Appends the endpoints that `server` is known to have. `origin`: see KnownEndpoint.
void add_named(std::vector<KnownEndpoint>& known, const NamedEndpoint& server, const NameBook& book,
               const std::string& origin);

}  // namespace ks
