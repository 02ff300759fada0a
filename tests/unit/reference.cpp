// SPDX-License-Identifier: GPL-2.0-or-later
#include "reference.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/tunnels.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ks::test {

namespace {

bool within(const char* prefix, const IpAddress& address) {
    return Prefix::parse(prefix)->contains(address);
}

template <class Range, class Value>
bool has(const Range& all, const Value& one) {
    return std::ranges::find(all, one) != std::ranges::end(all);
}

/// One decision about one packet. `near` is the interface that the packet passes, `far` the address
/// beyond it, whatever its direction.
class Reference {
  public:
    Reference(const Policy& policy, const Situation& situation, const PacketView& packet)
        : policy_(policy), situation_(situation), packet_(packet),
          outward_(packet.hook == Hook::output || packet.hook == Hook::postrouting),
          near_(outward_ ? packet.out_interface : packet.in_interface),
          near_group_(outward_ ? packet.out_group : packet.in_group),
          far_(outward_ ? packet.destination : packet.source),
          far_port_(outward_ ? packet.destination_port : packet.source_port),
          own_port_(outward_ ? packet.source_port : packet.destination_port) {}

    bool passes() {
        switch (packet_.hook) {
        case Hook::output:
            return may_leave() || left_to_postrouting();
        case Hook::postrouting:
            return may_leave() || answers_guest();
        case Hook::input:
            return may_enter();
        case Hook::forward:
            return may_be_forwarded();
        case Hook::arp_input:
        case Hook::egress:
            break;
        }
        return false;
    }

  private:
    // --- hooks -----------------------------------------------------------------------------------

    bool may_leave() {
        if (const Tunnel* const carrier =
                carrier_at(packet_.out_interface, packet_.out_kind, packet_.out_group)) {
            return to_endpoint(carrier->name);
        }
        const bool through = leaves_by_tunnel() && family_fits_tunnel();
        const Tunnel* const tunnel = through ? tunnel_before() : nullptr;
        const bool inside = tunnel != nullptr && !tunnel->via.empty();
        if (!inside && !marked_at_output() && is_carried(packet_.destination)) {
            return false;
        }
        if (through) {
            return (asks_allowed_server() && (public_or_own() || marked_at_output())) ||
                   asks_for_name();
        }
        if (near_ == "lo") {
            return true;
        }
        if (has(situation_.around.tunnel_addresses, packet_.source) || panic()) {
            return false;
        }
        if (policy_.scope == Scope::apps && !confined()) {
            return true;
        }
        if (guest_network(near_, far_) || guest_dhcp() || guest_discovery() || paused_user() ||
            to_endpoint() || (locked() && asks_for_name()) || dhcp() || discovery() ||
            exceptions(/*with_ports=*/true)) {
            return true;
        }
        if (endpoint_addresses(packet_.destination.family).contains(packet_.destination)) {
            return false;
        }
        if (dns()) {
            return policy_.lan.dns && (lan_network() || lan_group());
        }
        return lan_network() || lan_group() || exceptions(/*with_ports=*/false);
    }

    bool may_enter() {
        if (const Tunnel* const carrier =
                carrier_at(packet_.in_interface, packet_.in_kind, packet_.in_group)) {
            return from_endpoint(carrier->name) || path_mtu(carrier->name);
        }
        if (comes_by_tunnel() && (family_fits_tunnel() || policy_.scope == Scope::apps)) {
            return enters_by_tunnel();
        }
        if (near_ == "lo") {
            return true;
        }
        if (has(situation_.around.tunnel_addresses, packet_.destination) || panic()) {
            return false;
        }
        if (policy_.scope == Scope::apps) {
            return true;
        }
        return guest_network(near_, far_) || guest_dhcp() || from_endpoint() || is_told_name() ||
               dhcp() || discovery() || path_mtu() || exceptions(true) || from_lan() ||
               (!situation_.user_pauses.empty() && packet_.ct_established &&
                family_fits_tunnel()) ||
               exceptions(false);
    }

    bool may_be_forwarded() {
        if (policy_.scope == Scope::apps && !panic()) {
            return true;
        }
        const bool from_guest = guest_link(packet_.in_interface, {});
        const bool to_guest = guest_link(packet_.out_interface, {});
        if (policy_.guests.reach == Guests::Reach::tunnel && family_fits_tunnel()) {
            if (from_guest && leaves_by_tunnel()) {
                return asks_allowed_server() && (public_or_own() || marked_at_output());
            }
            if (to_guest && comes_by_tunnel() && (packet_.ct_established || published(inbound()))) {
                return true;
            }
        }
        return !panic() && guest_link(packet_.in_interface, packet_.source.family) &&
               guest_network(packet_.out_interface, packet_.destination);
    }

    /// The kernel has judged it at `forward`.
    bool answers_guest() {
        return policy_.scope == Scope::all && policy_.guests.reach == Guests::Reach::tunnel &&
               !ways_out(situation_).empty() && (packet_.ct_established || published_by_any()) &&
               guest_link(packet_.out_interface, {}) &&
               !(leaves_by_tunnel() && family_fits_tunnel());
    }
    /// Another table may have given it the mark, and with it another device.
    bool left_to_postrouting() {
        return marked_at_output() && !(leaves_by_tunnel() && family_fits_tunnel());
    }

    // --- tunnels ---------------------------------------------------------------------------------

    bool leaves_by_tunnel() {
        const bool last = packet_.hook == Hook::postrouting;
        return is_tunnel(packet_.out_interface, last ? packet_.out_kind : std::string(),
                         last ? std::optional(packet_.out_group) : std::nullopt) ||
               (!situation_.ipsec_up.empty() && packet_.to_encrypt);
    }
    bool comes_by_tunnel() {
        return is_tunnel(packet_.in_interface, packet_.in_kind, packet_.in_group) ||
               (!situation_.ipsec_up.empty() && packet_.decrypted);
    }
    /// Without `group` it is not asked for.
    bool is_tunnel(const std::string& interface, const std::string& kind,
                   std::optional<std::uint32_t> group) {
        return std::ranges::any_of(situation_.tunnels_up, [&](const LiveTunnel& tunnel) {
            return tunnel.interface == interface &&
                   (kind.empty() || tunnel.kind.empty() || tunnel.kind == kind) &&
                   (!group || !tunnel.group || tunnel.group == group);
        });
    }
    /// `postrouting` sees where it really goes.
    bool marked_at_output() {
        const bool sees = !ways_out(situation_).empty() || !situation_.carriers.empty();
        return packet_.hook != Hook::postrouting && packet_.mark != 0 && sees;
    }
    bool public_or_own() {
        const IpAddress& to = packet_.destination;
        const Tunnel* const tunnel = tunnel_before();
        const bool alone = within("10.0.0.0/8", to) || within("100.64.0.0/10", to) ||
                           within("169.254.0.0/16", to) || within("172.16.0.0/12", to) ||
                           within("192.168.0.0/16", to) || within("224.0.0.0/24", to) ||
                           within("239.0.0.0/8", to) || within("255.255.255.255", to) ||
                           within("fc00::/7", to) || within("fe80::/10", to) ||
                           (within("ff02::/16", to) && packet_.protocol == proto::kUdp);
        return tunnel == nullptr || tunnel->private_use == PrivateUse::allow || !alone ||
               in(situation_.around.tunnel_networks, packet_.out_interface, to) ||
               (policy_.dns_servers && has(*policy_.dns_servers, to));
    }
    /// The tunnel whose terms count for what leaves by it.
    const Tunnel* tunnel_before() {
        const bool last = packet_.hook == Hook::postrouting;
        if (is_tunnel(packet_.out_interface, last ? packet_.out_kind : std::string(),
                      last ? std::optional(packet_.out_group) : std::nullopt)) {
            return tunnel_named(packet_.out_interface);
        }
        const auto ipsec = std::ranges::find(policy_.tunnels, true, &Tunnel::ipsec);
        return ipsec == policy_.tunnels.end() ? nullptr : &*ipsec;
    }
    /// The tunnel whose terms count for what comes in by it; the interface says more than IPsec.
    const Tunnel* tunnel_behind() {
        const Tunnel* found = nullptr;
        if (is_tunnel(packet_.in_interface, packet_.in_kind, packet_.in_group)) {
            found = tunnel_named(packet_.in_interface);
        } else {
            const auto ipsec = std::ranges::find(policy_.tunnels, true, &Tunnel::ipsec);
            found = ipsec == policy_.tunnels.end() ? nullptr : &*ipsec;
        }
        return found;
    }
    const Tunnel* tunnel_named(const std::string& interface) {
        const auto up = std::ranges::find(situation_.tunnels_up, interface, &LiveTunnel::interface);
        const auto fits = [&](const Tunnel& tunnel) {
            const auto group = group_in(tunnel.interface);
            return !tunnel.ipsec &&
                   (group ? group == up->group : interface_matches(tunnel.interface, interface)) &&
                   (tunnel.kind.empty() || up->kind.empty() || tunnel.kind == up->kind);
        };
        const Tunnel* found = nullptr;
        for (const Tunnel& tunnel : policy_.tunnels) {
            if (fits(tunnel) && (found == nullptr || tunnel.interface == interface)) {
                found = &tunnel;
            }
        }
        return found;
    }
    Inbound inbound_of(const Tunnel* tunnel) {
        if (tunnel == nullptr) {
            return {};
        }
        Inbound inbound = tunnel->inbound;
        const auto more = situation_.open_ports.find(tunnel->name);
        if (more != situation_.open_ports.end()) {
            inbound.ports.insert(inbound.ports.end(), more->second.begin(), more->second.end());
        }
        return inbound;
    }
    Inbound inbound() { return inbound_of(tunnel_behind()); }
    bool enters_by_tunnel() {
        const Inbound terms = inbound();
        const bool named = std::ranges::any_of(terms.ports, [&](const PortSpec& spec) {
            return ports() && spec.protocol == packet_.protocol &&
                   spec.ports.contains(packet_.destination_port);
        });
        const bool fragment = !v4() && packet_.later_fragment;
        const bool answer = (packet_.protocol == proto::kTcp && !opens_tcp()) ||
                            (packet_.protocol == proto::kUdp && ports() && packet_.known_flow) ||
                            icmp_for_us();
        return terms.all || named || fragment || answer;
    }
    bool icmp_for_us() {
        const std::uint8_t type = packet_.icmp_type;
        if (packet_.later_fragment) {
            return false;
        }
        if (v4()) {
            return packet_.protocol == proto::kIcmp &&
                   (type == 0 || type == 3 || type == 11 || type == 12);
        }
        const bool discovery = type >= 134 && type <= 136 && packet_.hop_limit == 255;
        return packet_.protocol == proto::kIcmpv6 &&
               ((type >= 1 && type <= 4) || type == 129 || discovery);
    }
    bool published(const Inbound& terms) {
        return packet_.translated_from &&
               (terms.all || std::ranges::any_of(terms.ports, [&](const PortSpec& spec) {
                    return ports() && spec.protocol == packet_.protocol &&
                           spec.ports.contains(*packet_.translated_from);
                }));
    }
    bool published_by_any() {
        const auto by = [&](const Tunnel* tunnel) { return published(inbound_of(tunnel)); };
        const auto ipsec = std::ranges::find(policy_.tunnels, true, &Tunnel::ipsec);
        return std::ranges::any_of(
                   situation_.tunnels_up,
                   [&](const LiveTunnel& live) { return by(tunnel_named(live.interface)); }) ||
               (!situation_.ipsec_up.empty() && by(&*ipsec));
    }
    bool family_fits_tunnel() { return v4() || policy_.ipv6 == Ipv6::tunnel; }
    bool asks_allowed_server() {
        return !dns() || !policy_.dns_servers || has(*policy_.dns_servers, packet_.destination);
    }

    // --- whose packet it is ----------------------------------------------------------------------

    bool carries(Carry word) { return (packet_.carried & static_cast<std::uint32_t>(word)) != 0; }
    bool sent_from_cgroup(const std::string& path) {
        const auto id = situation_.cgroups.find(path);
        const auto level = static_cast<std::size_t>(std::ranges::count(path, '/'));
        return id != situation_.cgroups.end() && level < packet_.cgroups.size() &&
               packet_.cgroups[level] == id->second;
    }
    bool confined() {
        const Apps& apps = policy_.apps;
        if ((packet_.uid && has(apps.users, *packet_.uid)) ||
            (packet_.gid && has(apps.groups, *packet_.gid))) {
            return true;
        }
        if (packet_.hook == Hook::postrouting) {
            return carries(Carry::confined);
        }
        return left_by_closed_socket() ||
               std::ranges::any_of(confined_cgroups(policy_),
                                   [&](const std::string& path) { return sent_from_cgroup(path); });
    }
    bool left_by_closed_socket() {
        const std::uint8_t flags = packet_.tcp_opening ? 0x02 : packet_.tcp_flags;
        const bool kernels_own =
            ports() && ((flags & 0x02U) != 0 || (flags & 0x14U) == 0x14 || packet_.remembered);
        return !packet_.uid && packet_.protocol == proto::kTcp && !kernels_own;
    }
    bool sent_by(const std::optional<std::uint32_t>& user,
                 const std::optional<std::uint32_t>& group,
                 const std::optional<std::string>& cgroup) {
        if (packet_.hook == Hook::postrouting && (user || group || cgroup)) {
            return exists(cgroup) && carries(Carry::granted);
        }
        return (!user || packet_.uid == user) && (!group || packet_.gid == group) &&
               (!cgroup || sent_from_cgroup(*cgroup));
    }
    bool exists(const std::optional<std::string>& cgroup) {
        return !cgroup || situation_.cgroups.contains(*cgroup);
    }

    // --- endpoints -------------------------------------------------------------------------------

    bool is_endpoint(const Endpoint& endpoint) {
        return endpoint.address == far_ && endpoint.protocol == packet_.protocol &&
               (endpoint.port == 0 || (ports() && endpoint.port == far_port_));
    }
    /// The tunnel that the interface carries others as; null when it is none.
    const Tunnel* carrier_at(const std::string& interface, const std::string& kind,
                             std::uint32_t group) {
        const bool kind_counts = packet_.hook != Hook::output;
        for (const LiveTunnel& live : situation_.carriers) {
            if (live.interface == interface &&
                (!kind_counts || live.kind.empty() || live.kind == kind) &&
                (!kind_counts || !live.group || live.group == group)) {
                return tunnel_of(policy_, live);
            }
        }
        return nullptr;
    }
    bool is_carried(const IpAddress& address) {
        return std::ranges::any_of(policy_.tunnels, [&](const Tunnel& tunnel) {
            return !tunnel.via.empty() && has_endpoint_at(tunnel, address);
        });
    }
    bool has_endpoint_at(const Tunnel& tunnel, const IpAddress& address) {
        return std::ranges::any_of(
            endpoints_of(situation_.endpoints, tunnel.name),
            [&](const KnownEndpoint& known) { return known.endpoint.address == address; });
    }

    bool to_endpoint(const std::string& by = {}) {
        return any_endpoint([&](const Tunnel& tunnel, const Endpoint& endpoint) {
            if (tunnel.via != by) {
                return false;
            }
            const Only& only = tunnel.only;
            const bool marked =
                !only.fwmark || (packet_.mark & only.fwmark->mask) == only.fwmark->value;
            return is_endpoint(endpoint) && marked && sent_by(only.user, only.group, only.cgroup);
        });
    }
    bool from_endpoint(const std::string& by = {}) {
        return any_endpoint([&](const Tunnel& tunnel, const Endpoint& endpoint) {
            return tunnel.via == by && is_endpoint(endpoint) && exists(tunnel.only.cgroup) &&
                   (packet_.protocol != proto::kTcp || !opens_tcp());
        });
    }
    bool any_endpoint(const std::function<bool(const Tunnel&, const Endpoint&)>& fits) {
        return std::ranges::any_of(policy_.tunnels, [&](const Tunnel& tunnel) {
            return std::ranges::any_of(
                endpoints_of(situation_.endpoints, tunnel.name),
                [&](const KnownEndpoint& known) { return fits(tunnel, known.endpoint); });
        });
    }
    std::set<IpAddress> endpoint_addresses(IpFamily family, const std::string& by = {}) {
        std::set<IpAddress> all;
        for (const Tunnel& tunnel : policy_.tunnels) {
            for (const KnownEndpoint& known : endpoints_of(situation_.endpoints, tunnel.name)) {
                if (tunnel.via == by && known.endpoint.address.family == family) {
                    all.insert(known.endpoint.address);
                }
            }
        }
        return all;
    }
    bool path_mtu(const std::string& by = {}) {
        const bool too_big = v4() ? packet_.protocol == proto::kIcmp && packet_.icmp_type == 3 &&
                                        packet_.icmp_code == 4
                                  : packet_.protocol == proto::kIcmpv6 && packet_.icmp_type == 2;
        const std::set<IpAddress> all = endpoint_addresses(packet_.source.family, by);
        return too_big && !packet_.later_fragment &&
               (all.size() > 64 ||
                (packet_.inner_destination && all.contains(*packet_.inner_destination)));
    }

    // --- names of endpoints ----------------------------------------------------------------------

    bool asks_outside() { return locked() && policy_.bootstrap.user.has_value(); }
    bool with_name_server() {
        return ports() && far_port_ == 53 && has(policy_.bootstrap.servers, far_);
    }
    bool asks_for_name() {
        return policy_.bootstrap.user && with_name_server() &&
               sent_by(policy_.bootstrap.user, {}, {});
    }
    bool is_told_name() {
        return asks_outside() && with_name_server() &&
               (packet_.protocol != proto::kTcp || !opens_tcp());
    }

    // --- the link --------------------------------------------------------------------------------

    bool udp_between(std::uint16_t own, std::uint16_t far) {
        return packet_.protocol == proto::kUdp && ports() && own_port_ == own && far_port_ == far;
    }
    bool dhcp() {
        if (v4()) {
            const IpAddress& to = packet_.destination;
            return udp_between(68, 67) &&
                   (!outward_ || to == IpAddress::parse("255.255.255.255") ||
                    within("10.0.0.0/8", to) || within("100.64.0.0/10", to) ||
                    within("169.254.0.0/16", to) || within("172.16.0.0/12", to) ||
                    within("192.168.0.0/16", to));
        }
        return needs_ipv6() && within("fe80::/10", packet_.source) && udp_between(546, 547) &&
               (!outward_ ||
                (outside_tunnels() && packet_.destination == IpAddress::parse("ff02::1:2")));
    }
    bool discovery() {
        if (v4() || !needs_ipv6() || packet_.protocol != proto::kIcmpv6 ||
            packet_.hop_limit != 255 || packet_.later_fragment) {
            return false;
        }
        const bool neighbour = packet_.icmp_type == 135 || packet_.icmp_type == 136;
        const bool outside = outside_tunnels();
        if (!outward_) {
            return outside && (neighbour || packet_.icmp_type == 134);
        }
        const bool group = within("ff02::/16", packet_.destination);
        return (outside && packet_.icmp_type == 133 && group) ||
               (neighbour && outside && (group || within("fe80::/10", packet_.destination))) ||
               (neighbour && in(situation_.around.neighbours, near_, packet_.destination));
    }
    bool outside_tunnels() {
        return std::ranges::none_of(policy_.tunnels, [&](const Tunnel& tunnel) {
            return !tunnel.ipsec && interface_matches(tunnel.interface, near_, near_group_);
        });
    }
    bool needs_ipv6() {
        const auto opens = [&](const AllowRule& rule) {
            return rule.far ? rule.far->address.family == IpFamily::v6
                            : policy_.ipv6 == Ipv6::tunnel;
        };
        return std::ranges::any_of(policy_.outbound, opens) ||
               std::ranges::any_of(policy_.inbound, opens) ||
               !endpoint_addresses(IpFamily::v6).empty() ||
               (asks_outside() && std::ranges::any_of(policy_.bootstrap.servers,
                                                      [](const IpAddress& server) {
                                                          return server.family == IpFamily::v6;
                                                      })) ||
               std::ranges::any_of(situation_.around.lan, [](const LinkNetwork& lan) {
                   return lan.network.address.family == IpFamily::v6;
               });
    }

    // --- guests and the local network ------------------------------------------------------------

    static bool in(const std::vector<LinkNetwork>& all, const std::string& interface,
                   const IpAddress& address) {
        return std::ranges::any_of(all, [&](const LinkNetwork& one) {
            return one.interface == interface && one.network.contains(address);
        });
    }
    static bool on(const std::vector<LinkNetwork>& all, const std::string& interface,
                   std::optional<IpFamily> family) {
        return std::ranges::any_of(all, [&](const LinkNetwork& one) {
            return one.interface == interface && (!family || one.network.address.family == family);
        });
    }
    bool guest_network(const std::string& interface, const IpAddress& address) {
        return in(situation_.around.guests, interface, address);
    }
    bool guest_link(const std::string& interface, std::optional<IpFamily> family) {
        return on(situation_.around.guests, interface, family);
    }
    bool guest_dhcp() { return v4() && guest_link(near_, {}) && udp_between(67, 68); }
    bool guest_discovery() {
        return guest_link(near_, IpFamily::v6) && within("ff02::/16", packet_.destination) &&
               packet_.protocol == proto::kIcmpv6 && packet_.hop_limit == 255;
    }
    bool lan_network() { return in(situation_.around.lan, near_, far_); }
    bool lan_group() {
        const IpAddress& to = packet_.destination;
        const bool group = v4() ? within("224.0.0.0/24", to) || within("239.0.0.0/8", to) ||
                                      to == IpAddress::parse("255.255.255.255")
                                : within("ff02::/16", to);
        return group && on(situation_.around.lan, near_, to.family);
    }
    bool from_lan() {
        const bool found = packet_.protocol == proto::kUdp && ports() &&
                           (far_port_ == 1900 || far_port_ == 5353 || far_port_ == 5355);
        return lan_network() && (policy_.lan.inbound || packet_.ct_established || found);
    }

    // --- exceptions ------------------------------------------------------------------------------

    bool exceptions(bool with_ports) {
        const auto of_kind = [&](const AllowRule& rule) {
            return rule.ports.empty() != with_ports && in_place(rule);
        };
        return std::ranges::any_of(
                   policy_.outbound,
                   [&](const AllowRule& rule) { return of_kind(rule) && outbound(rule); }) ||
               std::ranges::any_of(policy_.inbound, [&](const AllowRule& rule) {
                   return of_kind(rule) && inbound(rule);
               });
    }
    bool paused_user() {
        return packet_.uid && situation_.user_pauses.contains(*packet_.uid) && family_fits_tunnel();
    }
    bool in_place(const AllowRule& rule) {
        return (rule.interface.empty() || interface_matches(rule.interface, near_)) &&
               (rule.far ? rule.far->contains(far_) : family_fits_tunnel());
    }
    bool outbound(const AllowRule& rule) {
        const bool served = rule.ports.empty() || serves(rule, far_port_);
        return outward_ ? served && sent_by(rule.user, rule.group, rule.cgroup)
                        : served && exists(rule.cgroup) && packet_.ct_established;
    }
    bool inbound(const AllowRule& rule) {
        const bool served = rule.ports.empty() || serves(rule, own_port_);
        const bool answers = !rule.ports.empty() && packet_.protocol == proto::kTcp
                                 ? !opens_tcp()
                                 : packet_.ct_reply;
        return served && (!outward_ || answers);
    }
    bool serves(const AllowRule& rule, std::uint16_t port) {
        return ports() && std::ranges::any_of(rule.ports, [&](const PortSpec& spec) {
                   return spec.protocol == packet_.protocol && spec.ports.contains(port);
               });
    }

    // --- the packet ------------------------------------------------------------------------------

    bool locked() { return situation_.state == StateName::locked; }
    bool panic() { return situation_.state == StateName::panic; }
    bool v4() { return packet_.source.family == IpFamily::v4; }
    bool ports() {
        return !packet_.later_fragment &&
               (packet_.protocol == proto::kTcp || packet_.protocol == proto::kUdp);
    }
    bool dns() {
        return ports() && (packet_.destination_port == 53 || packet_.destination_port == 853);
    }
    bool opens_tcp() { return packet_.later_fragment || packet_.tcp_opening; }

    const Policy& policy_;
    const Situation& situation_;
    const PacketView& packet_;
    bool outward_;
    const std::string& near_;
    std::uint32_t near_group_;
    const IpAddress& far_;
    std::uint16_t far_port_;
    std::uint16_t own_port_;
};

}  // namespace

bool may_pass(const Policy& policy, const Situation& situation, const PacketView& packet) {
    return situation.state == StateName::paused || Reference(policy, situation, packet).passes();
}

}  // namespace ks::test
