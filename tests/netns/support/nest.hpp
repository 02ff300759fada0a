// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../../../src/drills/vpn.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ks::test {

/// Where a VPN stands when there are two.
struct Nest {
    enum class Role : std::uint8_t {
        alone,
        around,  ///< Carries the other one, under addresses of its own.
        inside,  ///< Carries all traffic, through the other one.
    } role = Role::alone;
    std::size_t endpoint = 0;  ///< The place of its first one in the lab's options.
};

/// The addresses at both ends of a tunnel.
struct TunnelEnds {
    const char* host;
    const char* server;
    const char* host6;
    const char* server6;
};
[[nodiscard]] TunnelEnds ends_of(Nest::Role role);

/// The routes of a VPN that stands there: of Role::alone those of the lab's own tunnel.
[[nodiscard]] Status set_routes(lab::Lab& lab, Nest::Role role, const std::string& interface,
                                const Endpoint& endpoint, const std::string& server_device);
[[nodiscard]] Status take_back_routes(lab::Lab& lab, Nest::Role role, const std::string& interface,
                                      const Endpoint& endpoint);

/// Which of two VPNs is the client that drills kill.
enum class Victim : std::uint8_t { inner, outer };

/// `inner` inside `outer`, which stands for the tunnel `around`.
[[nodiscard]] std::unique_ptr<drills::Vpn> nested(std::unique_ptr<drills::Vpn> inner,
                                                  std::unique_ptr<drills::Vpn> outer, Tunnel around,
                                                  Victim victim);

}  // namespace ks::test
