// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/rate.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// `value` or `value/mask` of a socket mark; matches when (mark & mask) == value.
struct MarkMatch {
    std::uint32_t value = 0;
    std::uint32_t mask = 0xffffffff;
    friend bool operator==(const MarkMatch&, const MarkMatch&) = default;
};

/// Who may send to a tunnel's endpoints. Every given selector must match.
struct Only {
    std::optional<MarkMatch> fwmark;
    std::optional<std::uint32_t> user;   ///< uid
    std::optional<std::uint32_t> group;  ///< gid
    std::optional<std::string> cgroup;   ///< Path below the cgroup2 root, without a leading slash.

    [[nodiscard]] bool empty() const noexcept { return !fwmark && !user && !group && !cgroup; }
    friend bool operator==(const Only&, const Only&) = default;
};

/// Ports of one protocol, "443/tcp" or "5000-5010/udp".
struct PortSpec {
    PortRange ports;
    std::uint8_t protocol = proto::kTcp;    ///< kTcp or kUdp.
    [[nodiscard]] std::string str() const;  ///< "443/tcp"
    friend auto operator<=>(const PortSpec&, const PortSpec&) = default;
};

/// Name of a tunnel -> the ports that its `inbound_file` names.
using OpenPorts = std::map<std::string, std::vector<PortSpec>>;

/// What may open a connection from the VPN's side.
struct Inbound {
    bool all = false;
    std::vector<PortSpec> ports;  ///< Besides answers; empty with `all`.
    friend bool operator==(const Inbound&, const Inbound&) = default;
};

/// Private and link-local destinations inside a tunnel.
enum class PrivateUse : std::uint8_t {
    allow,
    refuse,  ///< But for the tunnel's own networks and the resolvers of the config.
};
/// Who brings a tunnel up again that is down, or whose server does not answer.
struct Reconnect {
    std::string unit;  ///< A service of systemd, see is_reconnect_unit().
    std::chrono::seconds after{10};
    friend bool operator==(const Reconnect&, const Reconnect&) = default;
};
/// Whether `unit` is the whole name of a service that may be restarted: none of ours.
[[nodiscard]] bool is_reconnect_unit(std::string_view unit) noexcept;

struct Tunnel {
    std::string name;  ///< Label in status; never empty.
    /// Exact name, a pattern with one trailing '*', or "group:7"; empty with `ipsec`.
    std::string interface;
    /// IPsec without an interface: packets that the kernel will encrypt count as the tunnel.
    bool ipsec = false;
    std::string kind;  ///< rtnetlink kind that must match; empty: any.
    std::vector<Endpoint> endpoints;
    std::vector<std::string> imports{};  ///< Absolute paths of files that name further ones.
    std::vector<NamedEndpoint> names{};  ///< Endpoints whose addresses are looked up.
    Only only;
    /// `auto`: what the tunnel's own program is seen to talk to is an endpoint as well.
    bool automatic = false;
    /// Follows a server that moved by itself, which is then free to name any address.
    bool follow_roaming = false;
    Inbound inbound{};
    std::string inbound_file{};  ///< Absolute path of a file with further ports, or empty.
    PrivateUse private_use = PrivateUse::allow;
    /// Name of the tunnel that its endpoints are reached through, and that carries nothing else; or
    /// empty.
    std::string via{};
    std::optional<Reconnect> reconnect{};
    friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

enum class Mode : std::uint8_t { off, always, on_drop };
enum class BootLock : std::uint8_t { lock, open };
enum class Ipv6 : std::uint8_t { block, tunnel };
enum class Ownership : std::uint8_t { automatic, off };

/// The local network, as far as it may be used beside the tunnel.
struct Lan {
    bool allow = false;
    enum class Networks : std::uint8_t {
        on_link,   ///< Private and link-local prefixes that are on a physical interface now.
        private_,  ///< All private and link-local space.
        listed,    ///< `list`.
    } networks = Networks::on_link;
    std::vector<Prefix> list;
    bool unsafe = false;                  ///< Public prefixes count too.
    std::vector<std::string> interfaces;  ///< Names, patterns, groups; empty: every uplink.
    bool dns = false;                     ///< LAN resolvers may be asked.
    bool inbound = false;                 ///< LAN hosts may open connections to this host.
    friend bool operator==(const Lan&, const Lan&) = default;
};

/// Containers, VMs and devices that this host routes for.
struct Guests {
    bool automatic = true;                ///< Found by guest_interfaces(), else `interfaces`.
    std::vector<std::string> interfaces;  ///< Names, patterns or groups.
    enum class Reach : std::uint8_t { tunnel, block } reach = Reach::tunnel;
    friend bool operator==(const Guests&, const Guests&) = default;
};

/// One hole outside the tunnel. At least one condition is given; all given must match.
struct AllowRule {
    std::optional<Prefix> far;    ///< `to` or `from`.
    std::vector<PortSpec> ports;  ///< Any of them, of the server's side; empty: everything.
    std::optional<std::uint32_t> user;
    std::optional<std::uint32_t> group;
    std::optional<std::string> cgroup;
    std::string interface;  ///< Name or pattern; empty: any.
    friend bool operator==(const AllowRule&, const AllowRule&) = default;
};

/// How the names of endpoints become addresses.
struct Bootstrap {
    std::vector<IpAddress> servers;     ///< Asked, and no others; empty: no name is looked up.
    std::optional<std::uint32_t> user;  ///< uid of who asks; nobody else may. Present with servers.
    bool hosts = false;                 ///< The answers are published in the hosts file.
    friend bool operator==(const Bootstrap&, const Bootstrap&) = default;
};

enum class Scope : std::uint8_t { all, apps };

/// Whom `scope: apps` confines to the tunnel; the rest of the host is free.
struct Apps {
    std::vector<std::uint32_t> users;
    std::vector<std::uint32_t> groups;
    std::vector<std::string> cgroups;
    friend bool operator==(const Apps&, const Apps&) = default;
};

/// The slice that `scope: apps` always confines, as systemd places it below the cgroup2 root: its
/// unit, or the service, makes it before anything runs in it.
inline constexpr const char* kConfinedSlice = "killswitchd.slice/killswitchd-confined.slice";

/// Packet sockets and bridged guests, which no inet hook sees.
enum class Raw : std::uint8_t { block, allow };

/// Who may read the state through the control socket.
struct ReadAccess {
    enum class Who : std::uint8_t { all, group, root } who = Who::all;
    std::uint32_t gid = 0;  ///< Meaningful for Who::group.
    friend bool operator==(const ReadAccess&, const ReadAccess&) = default;
};

/// Whether refused packets are told to who asks for them.
struct Log {
    bool blocked = true;
    Rate rate;  ///< Of each reason.
    friend bool operator==(const Log&, const Log&) = default;
};

struct Control {
    std::optional<std::uint32_t> admin_gid;  ///< Besides root, who may change things.
    ReadAccess read;
    friend bool operator==(const Control&, const Control&) = default;
};

/// A validated configuration. Value type; the only input of the rules besides the observed world.
struct Policy {
    Mode mode = Mode::off;
    BootLock boot = BootLock::lock;
    std::vector<Tunnel> tunnels;  ///< Not empty unless mode is off.
    Ipv6 ipv6 = Ipv6::block;
    std::optional<std::vector<IpAddress>> dns_servers;  ///< Absent: any server, in the tunnel.
    Bootstrap bootstrap;
    Lan lan;
    Guests guests;
    std::vector<AllowRule> outbound;
    std::vector<AllowRule> inbound;  ///< Without user, group and cgroup.
    Scope scope = Scope::all;
    Apps apps;
    Raw raw = Raw::block;
    Log log;
    Ownership ownership = Ownership::automatic;
    Control control;
    friend bool operator==(const Policy&, const Policy&) = default;
};

/// The cgroups that `scope: apps` confines: those of the config, and kConfinedSlice; else none.
[[nodiscard]] std::vector<std::string> confined_cgroups(const Policy& policy);

/// Whether `name` is `pattern`, or begins with it where the pattern ends in '*'. No name is that of
/// a group.
[[nodiscard]] bool interface_matches(std::string_view pattern, std::string_view name) noexcept;
/// The same for an interface of this name in this group, where "group:7" fits all of a group.
[[nodiscard]] bool interface_matches(std::string_view pattern, std::string_view name,
                                     std::uint32_t group) noexcept;
/// The number in "group:7"; absent in a name or pattern.
[[nodiscard]] std::optional<std::uint32_t> group_in(std::string_view pattern) noexcept;
/// Whether a rule can mean the interface of this name and no other, and nft can write it. The
/// kernel takes names that end in '*', which a rule takes for a pattern, and names with quotes.
/// Source: Linux dev_valid_name().
[[nodiscard]] bool nameable(std::string_view interface);

[[nodiscard]] std::string_view word(Mode mode) noexcept;  ///< "off", "always", "on-drop".

}  // namespace ks
