// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "discover.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Who may open SSH connections while traffic is blocked.
struct SshAccess {
    Prefix from;
    std::uint16_t port = 22;
};

/// What a first config is made of.
struct Choices {
    std::vector<FoundVpn> vpns;  ///< At least one.
    enum class Lan : std::uint8_t { refuse, allow } lan = Lan::refuse;
    std::optional<SshAccess> ssh;
    /// Whether host names can be looked up: the user who asks exists.
    enum class Names : std::uint8_t { unknown, looked_up } names = Names::unknown;
};

/// The text of a config file, with a comment for each choice. It has no errors; a VPN whose address
/// is not known is without an endpoint, which is a warning that says what to do.
[[nodiscard]] std::string first_config(const Choices& choices);

}  // namespace ks
