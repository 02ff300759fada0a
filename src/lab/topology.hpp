// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ks::lab {

struct Nodes {
    Node host;
    Node provider;
    Node vpn;
    Node internet;
    Node guest;
};

/// Links, addresses and routes of everything but the host's uplink addresses.
[[nodiscard]] Status wire(Nodes& nodes, const LabOptions& options);
[[nodiscard]] Status configure_host_uplink(Nodes& nodes, const LabOptions& options,
                                           std::size_t number);
/// Sets the provider's end up again, with the routes and neighbours that going down cost it.
[[nodiscard]] Status plug_cable(Nodes& nodes, const LabOptions& options, std::size_t number);
[[nodiscard]] Status route_guest_back(Nodes& nodes, GuestReturn way, const std::string& device);
/// EINVAL when an endpoint lies in a range that the lab itself uses.
[[nodiscard]] Status check_endpoints(const std::vector<Endpoint>& endpoints);
[[nodiscard]] const char* provider_end(std::size_t uplink);  ///< "wan0", "wan1".

}  // namespace ks::lab
