// SPDX-License-Identifier: GPL-2.0-or-later
#include "tunnel_device.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"
#include "tunnel_wire.hpp"

#include <functional>
#include <string>
#include <utility>

namespace ks::lab {

Result<Fd> make_tunnel_device(Node& node, const std::string& name, const IpAddress& inner4,
                              const IpAddress& inner6) {
    auto tun = node.inside([&] { return open_tun(name); });
    if (!tun) {
        return tun;
    }
    NetConfig& net = node.net();
    for (const auto& step :
         {std::function<Status()>([&] { return net.set_mtu(name, kTunnelMtu); }),
          std::function<Status()>([&] { return net.add_address(name, inner4, 24); }),
          std::function<Status()>([&] { return net.add_address(name, inner6, 64); }),
          std::function<Status()>([&] { return net.set_link(name, LinkState::up); })}) {
        if (auto done = step(); !done) {
            return std::move(done).error();
        }
    }
    return tun;
}

}  // namespace ks::lab
