// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ks {

/// What one answer of a DNS server says of a name's addresses of one family.
struct DnsAnswer {
    std::vector<IpAddress> addresses;  ///< At most kMaxNameAnswers; the rest is left out.
    std::chrono::seconds ttl{};        ///< The shortest, of aliases too; not negative.
};

/// Reads a whole message of the DNS, which comes from anybody. Nothing when it is none, or holds no
/// address. Source: RFC 1035, 4.1; RFC 3596.
[[nodiscard]] std::optional<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> message,
                                                        IpFamily family);

}  // namespace ks
