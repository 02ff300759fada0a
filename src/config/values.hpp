// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/rate.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace ks {

// Text to value, strictly: no sign, no octal, no surrounding space, no locale. An error's `what`
// quotes the text and says what is wrong with it.

/// Decimal, or hexadecimal with 0x: VALUE or VALUE/MASK, both 1..0xffffffff.
[[nodiscard]] Result<MarkMatch> parse_mark(std::string_view text);
/// A Linux interface name, optionally with one trailing '*'.
[[nodiscard]] Result<std::string> parse_interface(std::string_view text);
/// A path below the cgroup2 root.
[[nodiscard]] Result<std::string> parse_cgroup(std::string_view text);
/// A label for status.
[[nodiscard]] Result<std::string> parse_label(std::string_view text);
/// Addresses of local hosts: without a default route, multicast, broadcast and loopback.
[[nodiscard]] Result<Prefix> parse_network(std::string_view text);
/// Where packets of this host may go: also every address, and multicast.
[[nodiscard]] Result<Prefix> parse_destination(std::string_view text);
/// Where packets to this host may come from: also every address.
[[nodiscard]] Result<Prefix> parse_source(std::string_view text);
/// The whole path of a file.
[[nodiscard]] Result<std::string> parse_path(std::string_view text);
/// ADDRESS:PORT/PROTO, [IPV6]:PORT/PROTO or ADDRESS/esp; the address may be a host name.
[[nodiscard]] Result<std::variant<Endpoint, NamedEndpoint>> parse_endpoint(std::string_view text);

/// PORT/tcp, PORT/udp, FIRST-LAST/tcp or FIRST-LAST/udp.
[[nodiscard]] Result<PortSpec> parse_ports(std::string_view text);

/// NUMBER/second, /minute, /hour or /day.
[[nodiscard]] Result<Rate> parse_rate(std::string_view text);

/// A number of decimal digits without leading zeros, at most `most`.
[[nodiscard]] Result<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t most);

}  // namespace ks
