// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

// What the service and its resolver say to each other: one message in each packet of a
// SOCK_SEQPACKET socket. Neither side trusts the other: whatever does not fit is refused whole.

inline constexpr std::size_t kMaxNameMessageBytes = 1024;
inline constexpr std::size_t kMaxNameServers = 8;
inline constexpr std::size_t kMaxNameAnswers = 32;

struct NameQuestion {
    std::uint32_t id = 0;  ///< Comes back with the reply.
    std::string host;      ///< As parse_host_name() gives it.
    std::vector<IpAddress> servers;
    friend bool operator==(const NameQuestion&, const NameQuestion&) = default;
};

enum class NameStatus : std::uint8_t {
    found,
    no_such_name,  ///< NXDOMAIN.
    no_address,    ///< The name is there, and has none.
    no_answer,     ///< No server was reached, or none answered in time.
    failed,        ///< The servers answered with an error, or with nonsense.
};
[[nodiscard]] std::string_view explain(NameStatus status) noexcept;  ///< "there is no such name".

struct NameReply {
    std::uint32_t id = 0;
    NameStatus status = NameStatus::failed;
    std::chrono::seconds ttl{};  ///< The shortest of all that lead to an address.
    std::vector<IpAddress> addresses;
    friend bool operator==(const NameReply&, const NameReply&) = default;
};

[[nodiscard]] std::string encode(const NameQuestion& question);
[[nodiscard]] std::string encode(const NameReply& reply);
[[nodiscard]] Result<NameQuestion> decode_question(std::string_view message);
/// Addresses exactly with NameStatus::found.
[[nodiscard]] Result<NameReply> decode_reply(std::string_view message);

}  // namespace ks
