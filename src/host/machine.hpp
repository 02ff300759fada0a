// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// What a config meets on this machine, as far as it could be seen.
struct Machine {
    std::optional<LinkTable> links;
    std::map<int, VpnDevice> devices;  ///< By ifindex; those that answered.
    std::vector<IpAddress> resolvers;  ///< Of /etc/resolv.conf.
    /// Units that a locked boot needs and that are not enabled; none where there is no systemd.
    std::vector<std::string> disabled_units;
    /// Units of `reconnect` that systemd has no file of; the same.
    std::vector<std::string> missing_units{};
};

/// Looks, without changing anything. What may not be seen is left out.
[[nodiscard]] Machine see_machine(const Policy& policy);

/// The addresses in a resolv.conf(5); one with a zone or another mistake is passed over.
[[nodiscard]] std::vector<IpAddress> resolvers_in(std::string_view resolv_conf);

/// What would not work, or not lock, in sentences that say what to do. Pure.
/// \param known  The endpoints of every tunnel, learned ones too.
[[nodiscard]] std::vector<std::string> surprises(const Policy& policy, const KnownEndpoints& known,
                                                 const Machine& machine);

}  // namespace ks
