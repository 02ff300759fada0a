// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/capture.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ks::lab {

/// A network between a protected host and the internet, made of throw-away namespaces:
///
///   guest --- br0[host]up0 --- wan0[provider] --- [internet]
///                      up1 --- wan1[provider] --- [vpn] --- [internet]
///
/// | link | IPv4 | IPv6 |
/// |---|---|---|
/// | up0 | host 192.168.77.2, router 192.168.77.1 /24 | fd77::2, 2001:db8:77::2, router ::1 /64 |
/// | up1 | host 192.168.78.2, router 192.168.78.1 /24 | fd78::2, 2001:db8:78::2, router ::1 /64 |
/// | br0 | host 10.77.0.1, guest 10.77.0.2 /24 | 2001:db8:aa::1, guest ::2 /64 |
///
/// The provider routes, answers DHCPv4 and DNS; the internet answers every address (ping; UDP and
/// TCP on the ports of LabOptions::echo_ports, see lab_traffic.hpp); the VPN server has the
/// endpoints' addresses. No NAT anywhere: the internet sees by which way a packet came.
namespace addr {
inline constexpr std::array<const char*, 2> kRouter{"192.168.77.1", "192.168.78.1"};
inline constexpr std::array<const char*, 2> kHost{"192.168.77.2", "192.168.78.2"};
inline constexpr std::array<const char*, 2> kRouter6{"2001:db8:77::1", "2001:db8:78::1"};
inline constexpr std::array<const char*, 2> kHost6{"2001:db8:77::2", "2001:db8:78::2"};
inline constexpr const char* kGuest = "10.77.0.2";
inline constexpr const char* kGuest6 = "2001:db8:aa::2";
inline constexpr const char* kInternet = "198.51.100.1";
inline constexpr const char* kInternet6 = "2001:db8:100::1";
inline constexpr const char* kTunnelHost = "10.99.0.2";
inline constexpr const char* kTunnelServer = "10.99.0.1";
inline constexpr const char* kTunnelHost6 = "fd99::2";
inline constexpr const char* kTunnelServer6 = "fd99::1";
}  // namespace addr

/// An address that is written in the source: ends the program when `text` is none.
[[nodiscard]] IpAddress ip(std::string_view text);

enum class Uplinks : std::uint8_t {
    configured,  ///< Up, with addresses, default routes and the routers as known neighbours.
    bare,        ///< Down and without addresses, as at boot. See Lab::configure_uplink.
};
enum class GuestReturn : std::uint8_t { provider, vpn };

struct LabOptions {
    /// Where the VPN server is reachable. The lab's own address ranges are refused (EINVAL).
    std::vector<Endpoint> endpoints;
    std::array<std::string, 2> uplinks{"up0", "up1"};
    Uplinks start = Uplinks::configured;
    std::vector<std::uint16_t> echo_ports{7, 53, 80, 123, 443, 853, 4433, 5201, 51820};
    /// Classless static routes the DHCP server hands out (option 121), each via the router.
    std::vector<Prefix> dhcp_routes;
    std::string capture_file;  ///< See Capture::Options::file.
    bool watch_exit = false;   ///< See Lab::exit_frames().
};

/// The built lab. Its destructor, and the death of the calling process in whatever way, ends
/// every process in it and with them the namespaces; no file remains. One thread only.
class Lab {
  public:
    /// Takes about 100 ms. \return EPERM without the right to make namespaces.
    [[nodiscard]] static Result<Lab> build(LabOptions options);
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;
    Lab(Lab&&) noexcept;
    Lab& operator=(Lab&&) noexcept;
    ~Lab();

    [[nodiscard]] Node& host();
    [[nodiscard]] Node& provider();
    [[nodiscard]] Node& vpn();
    [[nodiscard]] Node& internet();
    [[nodiscard]] Node& guest();
    [[nodiscard]] Capture& capture();
    /// With LabOptions::watch_exit: what has come to the internet by way of the VPN server so far.
    [[nodiscard]] std::span<const FrameInfo> exit_frames() const;
    [[nodiscard]] const LabOptions& options() const;
    [[nodiscard]] const std::string& uplink(std::size_t number) const;

    /// An empty directory for state, as the lab's processes see it.
    [[nodiscard]] std::string scratch() const;
    /// The same directory, as the caller sees it.
    [[nodiscard]] std::string scratch_from_outside() const;

    /// Brings a bare (or downed) uplink up, with addresses and default routes; metric 100 and 200.
    [[nodiscard]] Status configure_uplink(std::size_t number);
    /// Pulls or plugs the uplink's cable at the provider: the host sees its carrier go and come.
    [[nodiscard]] Status set_cable(std::size_t number, LinkState state);
    /// Which way the internet answers the guest: without NAT it needs a route.
    /// `vpn` needs `device`, the VPN server's tunnel interface.
    [[nodiscard]] Status return_guest_traffic(GuestReturn way, const std::string& device = {});

  private:
    struct Impl;
    explicit Lab(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks::lab
