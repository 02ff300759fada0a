// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab.hpp"
#include "killswitchd/net.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ks::lab {

/// ---- probes: what leaks? ----

enum class Via : std::uint8_t { routed, uplink };  ///< uplink: SO_BINDTODEVICE to uplink 0.
enum class Aim : std::uint8_t {
    world,     ///< An internet address: routing decides, so a tunnel takes it.
    link,      ///< The router or multicast: leaves on the uplink, tunnel or not.
    endpoint,  ///< The VPN server, but not the tunnel's packet.
};
enum class Packet : std::uint8_t { tcp, udp, icmp, dns_udp, dns_tcp, raw };

struct Probe {
    std::string name;  ///< Stable: "udp4/routed", "dns-router/uplink", "endpoint-other-port".
    Packet packet = Packet::udp;
    Aim aim = Aim::world;
    Via via = Via::routed;
    IpAddress to;
    std::uint16_t port = 0;
};

/// One probe as sent.
struct Shot {
    Probe probe;
    std::uint32_t tag = 0;
    std::uint16_t source_port = 0;  ///< TCP only; its SYN carries no tag.
    int local_errno = 0;            ///< 0 when the kernel took it: that is no evidence it left.

    [[nodiscard]] bool matches(const FrameInfo& frame) const;
};

struct Outcome {
    Shot shot;
    std::vector<FrameInfo> escaped;  ///< In clear on an uplink.
};

/// Every probe the lab knows; those at endpoints only where the lab has endpoints.
[[nodiscard]] std::vector<Probe> standard_probes(const Lab& lab);
/// Probes a guest can make: routed ones at the world and the endpoints.
[[nodiscard]] std::vector<Probe> guest_probes(const Lab& lab);
/// Sends one packet each, without waiting for answers. icmp and raw need CAP_NET_RAW.
[[nodiscard]] std::vector<Shot> fire(const Lab& lab, const Node& from,
                                     std::span<const Probe> probes);
/// What of it is among `frames`, in the order of `shots`.
[[nodiscard]] std::vector<Outcome> judge(std::span<const Shot> shots,
                                         std::span<const FrameInfo> frames);
/// fire(), settle the capture, judge().
[[nodiscard]] Result<std::vector<Outcome>> probe_round(Lab& lab, const Node& from,
                                                       std::span<const Probe> probes);

/// ---- reach: does what is allowed work? ----

enum class Service : std::uint8_t { udp_echo, tcp_echo, ping, dns };

struct ReachTarget {
    Service service = Service::udp_echo;
    IpAddress to;
    std::uint16_t port = 7;  ///< Not for ping.
    std::string device;      ///< Bind to it; empty: routed.
};

struct Reach {
    bool answered = false;
    std::optional<IpAddress> seen_as;  ///< Our source address as the other side saw it (echo).
    int local_errno = 0;               ///< Why nothing could be sent or no answer came.
};

/// Asks once per 100 ms until an answer comes or `limit` has passed.
[[nodiscard]] Reach reach(const Node& from, const ReachTarget& target, Millis limit = Millis{2000});

/// ---- DHCPv4, as a client that uses the IP stack does it (UDP 68 to 67) ----

struct DhcpLease {
    IpAddress address;
    IpAddress server;
    std::vector<Prefix> routes;  ///< Option 121, all through the router.
};

/// Discover, request. Configures nothing. ETIMEDOUT, or the errno of sending, without an answer.
[[nodiscard]] Result<DhcpLease> dhcp_lease(Node& from, const std::string& device,
                                           Millis limit = Millis{2000});
/// Unicast renewal; `lease.address` must be configured on `device`.
[[nodiscard]] Result<DhcpLease> dhcp_renew(Node& from, const std::string& device,
                                           const DhcpLease& lease, Millis limit = Millis{2000});

/// ---- an old flow: a TCP connection from before the lock ----

/// The lab must outlive it, unmoved.
class TcpFlow {
  public:
    /// Connects to the internet's push service through uplink 0 and reads its greeting.
    [[nodiscard]] static Result<TcpFlow> open(Lab& lab, const Node& from, const IpAddress& to,
                                              Millis limit = Millis{2000});
    /// Client push: hands one tagged segment to the kernel. \return its errno, 0 when taken.
    [[nodiscard]] int push();
    /// Server push: the internet sends, and the kernel here acknowledges if it may.
    /// \return whether the data arrived within `limit`.
    [[nodiscard]] Result<bool> receive_push(Millis limit = Millis{200});
    [[nodiscard]] bool matches(const FrameInfo& frame) const;

  private:
    TcpFlow(Lab& lab, Fd socket, IpAddress to, std::uint16_t local_port);
    Lab* lab_;
    Fd socket_;
    IpAddress to_;
    std::uint16_t local_port_;
    std::uint32_t tag_;
};

/// ---- flood ----

struct FloodCount {
    std::uint64_t sent = 0;     ///< Taken by the kernel.
    std::uint64_t refused = 0;  ///< EPERM.
    std::uint64_t other = 0;    ///< Any other error.
};

/// A process that sends small UDP packets as fast as it can.
class Flood {
  public:
    /// \param device  bind to it; empty: routed. \param limit  packets, 0: until stop().
    [[nodiscard]] static Result<Flood> start(const Node& from, const IpAddress& to,
                                             std::uint16_t port, std::uint64_t limit = 0,
                                             const std::string& device = {});
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;
    Flood(Flood&&) noexcept;
    Flood& operator=(Flood&&) noexcept;
    ~Flood();

    [[nodiscard]] FloodCount count() const;  ///< So far.
    [[nodiscard]] std::uint32_t tag() const;
    [[nodiscard]] FloodCount stop();  ///< Ends it; what it sent is sent when this returns.
    [[nodiscard]] bool finished(Millis limit);  ///< Waits for `limit` packets to be done.

  private:
    struct Impl;
    explicit Flood(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A tag that no payload of this process carried yet.
[[nodiscard]] std::uint32_t next_tag();

}  // namespace ks::lab
