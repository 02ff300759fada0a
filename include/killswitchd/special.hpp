// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <string_view>

namespace ks {

/// Addresses that belong to no single other host.
struct SpecialRange {
    std::string_view prefix;
    std::string_view noun;  ///< "a loopback address": what one of them is.
    enum class Carried : std::uint8_t {
        never,  ///< No packet on a network has such an address.
        to,     ///< Packets may go there, but not come from there.
    } carried = Carried::never;
};

/// The range that holds all of `prefix`, or null.
[[nodiscard]] const SpecialRange* special_around(const Prefix& prefix);
/// A range that shares an address with `prefix`, or null.
[[nodiscard]] const SpecialRange* special_touching(const Prefix& prefix);

/// The address of one other host: not multicast, unspecified, loopback or broadcast. An error's
/// `what` quotes the text and says what is wrong with it.
[[nodiscard]] Result<IpAddress> parse_host(std::string_view text);

[[nodiscard]] bool overlap(const Prefix& a, const Prefix& b) noexcept;

}  // namespace ks
