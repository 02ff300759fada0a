// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ks {

inline constexpr std::size_t kMaxHostNameBytes = 253;

/// Whether `text` is more like a name than an address: it has a letter and no colon.
[[nodiscard]] bool looks_like_host_name(std::string_view text) noexcept;

/// A whole name of the DNS in lower case, without a final dot. Labels are letters, digits, '-' and
/// '_', at most 63 bytes each. A name without a dot is refused: what it means depends on the
/// network that one is in. An error's `what` quotes the text and says what is wrong with it.
[[nodiscard]] Result<std::string> parse_host_name(std::string_view text);

/// A server that is known by its name.
struct NamedEndpoint {
    std::string host;                     ///< As parse_host_name() gives it.
    std::uint8_t protocol = proto::kUdp;  ///< As Endpoint has them.
    std::uint16_t port = 0;

    [[nodiscard]] std::string str() const;  ///< "vpn.example.net:1194/udp".
    [[nodiscard]] Endpoint at(const IpAddress& address) const { return {address, protocol, port}; }
    friend auto operator<=>(const NamedEndpoint&, const NamedEndpoint&) = default;
};

}  // namespace ks
