// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../../../src/drills/stage.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/policy.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ks::test {

/// A policy for the lab's own tunnel: interface tun0, one IPv4 endpoint, known by its fwmark.
[[nodiscard]] Policy tun_policy();

/// The same with an endpoint of each family, and IPv6 in the tunnel: the most that a policy lets
/// IPv6 do outside.
[[nodiscard]] Policy dual_policy();

/// The lab's addresses of one family, for tests that hold for both.
struct Addresses {
    const char* internet;
    const char* internet_net;
    const char* router;      ///< Of the first uplink, a neighbour from the start.
    const char* host;        ///< In the router's network.
    const char* lan_router;  ///< The same two in private space.
    const char* lan_host;
    const char* guest;
    const char* endpoint;  ///< Of dual_policy().
};
inline constexpr std::array<Addresses, 2> kFamilies{{
    {lab::addr::kInternet, "198.51.100.0/24", lab::addr::kRouter[0], lab::addr::kHost[0],
     lab::addr::kRouter[0], lab::addr::kHost[0], lab::addr::kGuest, "203.0.113.7"},
    {lab::addr::kInternet6, "2001:db8:100::/48", lab::addr::kRouter6[0], lab::addr::kHost6[0],
     "fd77::1", "fd77::2", lab::addr::kGuest6, "2001:db8:9::7"},
}};

/// How far a scene has come.
enum class Phase : std::uint8_t { locked, protected_ };

/// The lab with a host under a policy, for tests that look at single packets. The control's host
/// has the same policy and tunnel, and is disarmed.
class Scene {
  public:
    /// Ends the test when the lab cannot be built.
    explicit Scene(const Policy& policy, drills::Armed armed = drills::Armed::yes,
                   lab::LabOptions options = {});

    [[nodiscard]] drills::Stage& stage() { return stage_; }
    [[nodiscard]] lab::Lab& lab() { return stage_.lab(); }
    [[nodiscard]] lab::Node& host() { return stage_.lab().host(); }
    [[nodiscard]] lab::Node& provider() { return stage_.lab().provider(); }
    [[nodiscard]] lab::Node& guest() { return stage_.lab().guest(); }

    void lock();              ///< VPN server and service run; no tunnel.
    void protect();           ///< lock(), then the tunnel comes up and works.
    void enter(Phase phase);  ///< One of the two.
    /// lock() and `check`; then the tunnel comes up, and `check` once more.
    void locked_and_protected(const std::function<void()>& check);
    /// Fails the test with everything in the stage that should have worked and did not.
    void check_steps();
    /// Waits until the kernel's rules contain `text`.
    [[nodiscard]] bool await_rules_with(const std::string& text);
    /// Waits until they no longer do.
    [[nodiscard]] bool await_rules_without(const std::string& text);
    /// Packets counted under `reason`, by `status`.
    [[nodiscard]] std::uint64_t counted(const std::string& reason);

    /// Whether one such packet is seen to leave an uplink in clear.
    [[nodiscard]] bool escapes(const lab::Node& from, lab::Packet packet, const char* to,
                               std::uint16_t port = 0, lab::Via via = lab::Via::routed);

    /// Routes what is for `network` past the tunnel, as some other program may do.
    void route_past_tunnel(const char* network);
    void unroute_past_tunnel(const char* network);

  private:
    [[nodiscard]] std::string rules();

    drills::Stage stage_;
};

/// Whether packets at the internet leave the first uplink in clear. Fails the test when those of
/// one family do and the other's do not.
[[nodiscard]] bool leaks(Scene& scene);

/// Whether `from` gets an answer to ping.
[[nodiscard]] bool pings(const lab::Node& from, const char* to, const std::string& device = {});

/// Whether a TCP connection comes about.
[[nodiscard]] bool connects(const lab::Node& from, const char* to, std::uint16_t port);

/// TCP and UDP on one port of a node, both families.
class Listener {
  public:
    Listener(const lab::Node& node, std::uint16_t port);
    /// Whether a datagram from `from` to `to` arrives here.
    [[nodiscard]] bool hears(const lab::Node& from, const char* to) const;

  private:
    std::uint16_t port_;
    Fd tcp_;
    Fd udp_;
};

/// The calling thread's new sockets belong to this user and group meanwhile.
class SocketOwner {
  public:
    explicit SocketOwner(uid_t user, gid_t group = 0);
    SocketOwner(const SocketOwner&) = delete;
    SocketOwner& operator=(const SocketOwner&) = delete;
    ~SocketOwner();
};

/// A program in a node that has to succeed; fails the test otherwise.
void must_run(const lab::Node& node, const std::vector<std::string>& argv);
/// Fails the test with the message.
void must(const Status& status);

}  // namespace ks::test
