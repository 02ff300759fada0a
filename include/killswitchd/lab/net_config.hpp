// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ks::lab {

enum class LinkState : std::uint8_t { down, up };
enum class RouteKind : std::uint8_t { unicast, local };
enum class RouteTable : std::uint8_t { main, local };

struct Route {
    Prefix to;
    std::string device;
    std::optional<IpAddress> gateway;
    std::uint32_t metric = 0;
    RouteKind kind = RouteKind::unicast;
    RouteTable table = RouteTable::main;
};

/// Links, addresses and routes of one network namespace, by rtnetlink.
///
/// Bound for ever to the namespace in which it was opened, whatever the thread does later.
/// Errors name the object ("cannot add address 10.0.0.1/24 on up0") and carry the kernel's errno.
class NetConfig {
  public:
    [[nodiscard]] static Result<NetConfig> open();
    NetConfig(const NetConfig&) = delete;
    NetConfig& operator=(const NetConfig&) = delete;
    NetConfig(NetConfig&&) noexcept;
    NetConfig& operator=(NetConfig&&) noexcept;
    ~NetConfig();

    /// The peer is created inside the namespace `peer_netns`, an open descriptor of it.
    [[nodiscard]] Status add_veth(const std::string& name, const std::string& peer, int peer_netns);
    [[nodiscard]] Status add_bridge(const std::string& name);
    [[nodiscard]] Status delete_link(const std::string& name);
    [[nodiscard]] Status enslave(const std::string& port, const std::string& bridge);
    [[nodiscard]] Status set_link(const std::string& name, LinkState state);
    [[nodiscard]] Status set_mtu(const std::string& name, std::uint32_t mtu_bytes);
    /// Without duplicate address detection, so the address is usable when this returns.
    [[nodiscard]] Status add_address(const std::string& name, const IpAddress& address,
                                     std::uint8_t length);
    [[nodiscard]] Status delete_address(const std::string& name, const IpAddress& address,
                                        std::uint8_t length);
    [[nodiscard]] Status add_route(const Route& route);  ///< Replaces an equal one.
    [[nodiscard]] Status delete_route(const Route& route);
    /// A permanent neighbour entry: no ARP or neighbour discovery is needed for `address`.
    [[nodiscard]] Status add_neighbour(const std::string& name, const IpAddress& address,
                                       const std::array<std::uint8_t, 6>& mac);
    [[nodiscard]] Result<std::uint32_t> index(const std::string& name);
    [[nodiscard]] Result<std::array<std::uint8_t, 6>> mac(const std::string& name);

  private:
    struct Impl;
    explicit NetConfig(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks::lab
