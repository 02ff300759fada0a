// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_policy.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/via.hpp"
#include "random_world.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::test {

namespace {

constexpr const char* kSomeUplink = "eth1";
constexpr std::uint32_t kSomeResolver = 1001;

// --- what fits together ---

bool sent_by_kernel(const Tunnel& tunnel) {
    return tunnel.ipsec || tunnel.kind == "wireguard";
}

Endpoint random_endpoint(Dice& dice) {
    const IpFamily family = dice.chance(65) ? IpFamily::v4 : IpFamily::v6;
    const IpAddress where = random_address(dice, family);
    if (dice.chance(10)) {
        return {where, proto::kEsp, 0};
    }
    return {where, dice.chance(60) ? proto::kUdp : proto::kTcp, random_port(dice)};
}

/// An interface that no tunnel of `policy` has.
std::string free_interface(Dice& dice, const Policy& policy) {
    std::vector<std::string> names{"wg0", "tun0", "tun*", "wg*", "tun1", "group:7"};
    for (const Tunnel& tunnel : policy.tunnels) {
        std::erase(names, tunnel.interface);
    }
    return dice.pick(names);
}

void settle(Dice& dice, Policy& policy, Tunnel& tunnel) {
    if (tunnel.inbound.all) {
        tunnel.inbound.ports.clear();
    }
    if (tunnel.ipsec) {
        const auto first = std::ranges::find(policy.tunnels, true, &Tunnel::ipsec);
        tunnel.inbound = first->inbound;
        tunnel.inbound_file = first->inbound_file;
        tunnel.private_use = first->private_use;
        tunnel.interface.clear();
        tunnel.kind.clear();
        tunnel.automatic = false;
        if (tunnel.endpoints.empty()) {
            tunnel.endpoints = {random_endpoint(dice)};
        }
    } else if (tunnel.interface.empty()) {
        tunnel.interface = free_interface(dice, policy);
    }
    if (sent_by_kernel(tunnel)) {
        tunnel.only.user.reset();
        tunnel.only.group.reset();
        tunnel.only.cgroup.reset();
    }
    tunnel.follow_roaming = tunnel.follow_roaming && tunnel.automatic && !tunnel.only.empty();
}

const Prefix& public_network() {
    static const Prefix network = *Prefix::parse("203.0.113.0/24");
    return network;
}

/// Takes back what contradicts the other keys.
void settle(Dice& dice, Policy& policy) {
    for (Tunnel& tunnel : policy.tunnels) {
        settle(dice, policy, tunnel);
    }
    Bootstrap& bootstrap = policy.bootstrap;
    if (bootstrap.servers.empty()) {
        bootstrap.user.reset();
        for (Tunnel& tunnel : policy.tunnels) {
            tunnel.names.clear();
        }
    } else if (!bootstrap.user) {
        bootstrap.user = kSomeResolver;
    }
    for (Tunnel& tunnel : policy.tunnels) {
        const Tunnel* const outer = outer_of(policy, tunnel);
        if (outer == nullptr || outer->ipsec || tunnel.ipsec) {
            tunnel.via.clear();
        }
    }
    Lan& lan = policy.lan;
    lan.unsafe = lan.unsafe && lan.networks == Lan::Networks::listed;
    std::erase(lan.list, public_network());
    if (lan.unsafe) {
        lan.list.push_back(public_network());
    }
    std::erase(policy.outbound, AllowRule{});
    std::erase(policy.inbound, AllowRule{});
    if (policy.scope == Scope::all) {
        policy.apps = {};
    } else if (policy.apps == Apps{}) {
        policy.apps.users = {dice.pick(identities())};
    }
}

// --- values ---

std::optional<std::uint32_t> some_identity(Dice& dice) {
    return dice.chance(25) ? std::optional(dice.pick(identities())) : std::nullopt;
}

std::optional<std::string> some_cgroup(Dice& dice, const CgroupIds& cgroups) {
    if (dice.chance(75)) {
        return std::nullopt;
    }
    std::vector<std::string> paths{"absent.slice/absent.service"};
    for (const auto& [path, id] : cgroups) {
        paths.push_back(path);
    }
    return dice.pick(paths);
}

std::optional<Prefix> some_prefix(Dice& dice) {
    static const std::vector<std::uint8_t> kept{0, 4, 8, 12, 16, 24, 31, 32, 48, 64, 127, 128};
    if (dice.chance(40)) {
        return std::nullopt;
    }
    const IpAddress where = random_address(dice, dice.chance(70) ? IpFamily::v4 : IpFamily::v6);
    return Prefix::of(where, std::min(dice.pick(kept), where.bits()));
}

std::vector<PortSpec> some_ports(Dice& dice) {
    std::vector<PortSpec> ports;
    for (const std::uint8_t protocol : {proto::kTcp, proto::kUdp}) {
        if (dice.chance(35)) {
            const std::uint16_t first = random_port(dice);
            const std::uint16_t last =
                dice.chance(70) ? first : static_cast<std::uint16_t>(std::min(first + 9, 65535));
            ports.push_back({{first, last}, protocol});
        }
    }
    return ports;
}

std::string some_interface(Dice& dice) {
    static const std::vector<std::string> names{"", "", kSomeUplink, "up0", "wg0", "t*"};
    return dice.pick(names);
}

/// The rules of one direction, of which there must be some before one can be changed.
template <class Change>
void each_rule(Dice& dice, std::vector<AllowRule>& rules, Change change) {
    if (rules.empty() && dice.chance(50)) {
        rules.resize(1 + dice.below(2));
    }
    std::ranges::for_each(rules, change);
}

template <class Change>
void each_sender(Policy& policy, Change change) {
    for (Tunnel& tunnel : policy.tunnels) {
        if (!sent_by_kernel(tunnel)) {
            change(tunnel.only);
        }
    }
}

std::vector<Prefix> some_networks(Dice& dice) {
    static const std::vector<Prefix> all{
        *Prefix::parse("192.168.0.0/16"), *Prefix::parse("10.0.0.0/8"),
        *Prefix::parse("172.16.0.0/12"),  *Prefix::parse("169.254.7.0/24"),
        *Prefix::parse("fd00:1::/32"),    *Prefix::parse("fe80::/10")};
    std::vector<Prefix> chosen = dice.some(all);
    return chosen.empty() ? std::vector<Prefix>{dice.pick(all)} : chosen;
}

// --- the keys ---

void tunnel_names(Dice& dice, const CgroupIds&, Policy& policy) {
    static const std::vector<std::string> names{"vpn", "the office's", "a\\b; {c} #d"};
    if (policy.tunnels.empty()) {
        policy.tunnels.resize(1 + dice.below(2));
    }
    for (std::size_t i = 0; i < policy.tunnels.size(); ++i) {
        policy.tunnels[i].name = fmt::format("{} {}", dice.pick(names), i);
    }
}

void tunnel_interfaces(Dice& dice, const CgroupIds&, Policy& policy) {
    for (Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.ipsec) {
            tunnel.interface = free_interface(dice, policy);
        }
    }
}

void tunnel_kinds(Dice& dice, const CgroupIds&, Policy& policy) {
    static const std::vector<std::string> kinds{"", "", "wireguard", "tun"};
    for (Tunnel& tunnel : policy.tunnels) {
        tunnel.kind = dice.pick(kinds);
    }
}

void tunnel_endpoints(Dice& dice, const CgroupIds&, Policy& policy) {
    for (Tunnel& tunnel : policy.tunnels) {
        tunnel.endpoints.clear();
        for (std::size_t left = dice.below(13); left > 0; --left) {
            const Endpoint endpoint = random_endpoint(dice);
            if (std::ranges::find(tunnel.endpoints, endpoint) == tunnel.endpoints.end()) {
                tunnel.endpoints.push_back(endpoint);
            }
        }
        tunnel.names = dice.some<NamedEndpoint>({{"vpn.example.net", proto::kUdp, 1194},
                                                 {"a-1.b_2.example", proto::kTcp, 443},
                                                 {"gate.example.org", proto::kEsp, 0}});
    }
}

void tunnel_imports(Dice& dice, const CgroupIds&, Policy& policy) {
    for (Tunnel& tunnel : policy.tunnels) {
        tunnel.imports.clear();
        tunnel.automatic = dice.chance(30);
        if (dice.chance(30)) {
            tunnel.imports = dice.some<std::string>(
                {"/etc/wireguard/wg0.conf", "/etc/openvpn/client/\"my\" home.ovpn"});
        }
    }
}

void tunnel_inbound(Dice& dice, const CgroupIds&, Policy& policy) {
    for (Tunnel& tunnel : policy.tunnels) {
        tunnel.inbound = {dice.chance(15), {}};
        if (dice.chance(40)) {
            tunnel.inbound.ports = some_ports(dice);
        }
    }
}

void inbound_files(Dice& dice, const CgroupIds&, Policy& policy) {
    for (Tunnel& tunnel : policy.tunnels) {
        tunnel.inbound_file = dice.chance(30) ? "/run/provider/port" : "";
    }
}

/// Through one of those before it, so that none goes in circles.
void tunnel_via(Dice& dice, const CgroupIds&, Policy& policy) {
    for (std::size_t i = 0; i < policy.tunnels.size(); ++i) {
        Tunnel& tunnel = policy.tunnels[i];
        tunnel.via = i > 0 && dice.chance(40) ? policy.tunnels[dice.below(i)].name : "";
    }
}

void dns_servers(Dice& dice, const CgroupIds&, Policy& policy) {
    policy.dns_servers.reset();
    if (dice.chance(40)) {
        const IpFamily family = dice.chance(70) ? IpFamily::v4 : IpFamily::v6;
        policy.dns_servers = {{random_address(dice, family)}};
        const IpAddress second = random_address(dice, IpFamily::v6);
        if (second != policy.dns_servers->front()) {
            policy.dns_servers->push_back(second);
        }
    }
}

void dns_bootstrap(Dice& dice, const CgroupIds&, Policy& policy) {
    policy.bootstrap.servers.clear();
    if (dice.chance(50)) {
        policy.bootstrap.servers = {random_address(dice, IpFamily::v4)};
        if (dice.chance(40)) {
            policy.bootstrap.servers.push_back(random_address(dice, IpFamily::v6));
        }
    }
}

void dns_user(Dice& dice, const CgroupIds&, Policy& policy) {
    policy.bootstrap.user = dice.chance(50) ? kSomeResolver : 1000;
}

void lan_networks(Dice& dice, const CgroupIds&, Policy& policy) {
    static const std::vector<Lan::Networks> kinds{Lan::Networks::on_link, Lan::Networks::private_,
                                                  Lan::Networks::listed};
    policy.lan.networks = dice.pick(kinds);
    policy.lan.list.clear();
    if (policy.lan.networks == Lan::Networks::listed) {
        policy.lan.list = some_networks(dice);
    }
}

void lan_unsafe(Dice& dice, const CgroupIds&, Policy& policy) {
    policy.lan.unsafe = policy.lan.networks == Lan::Networks::listed && dice.chance(40);
}

void lan_interfaces(Dice& dice, const CgroupIds&, Policy& policy) {
    policy.lan.interfaces = dice.chance(60)
                                ? std::vector<std::string>{}
                                : dice.some<std::string>({kSomeUplink, "up*", "group:9"});
}

void guest_interfaces(Dice& dice, const CgroupIds&, Policy& policy) {
    policy.guests.automatic = dice.chance(60);
    policy.guests.interfaces.clear();
    if (!policy.guests.automatic) {
        policy.guests.interfaces = dice.chance(50)   ? std::vector<std::string>{"veth*"}
                                   : dice.chance(50) ? std::vector<std::string>{"group:11"}
                                                     : std::vector<std::string>{"br0", kSomeUplink};
    }
}

}  // namespace

const std::map<std::string, Generate>& generators() {
    using Ids = const CgroupIds&;
    static const std::map<std::string, Generate> all{
        {"mode",
         [](Dice& dice, Ids, Policy& p) {
             p.mode = dice.chance(5) ? Mode::off : dice.chance(80) ? Mode::always : Mode::on_drop;
         }},
        {"boot", [](Dice& dice, Ids,
                    Policy& p) { p.boot = dice.chance(50) ? BootLock::lock : BootLock::open; }},
        {"tunnels.name", tunnel_names},
        {"tunnels.interface", tunnel_interfaces},
        {"tunnels.kind", tunnel_kinds},
        {"tunnels.endpoints", tunnel_endpoints},
        {"tunnels.endpoints.import", tunnel_imports},
        {"tunnels.follow_roaming",
         [](Dice& dice, Ids, Policy& p) {
             for (Tunnel& tunnel : p.tunnels) {
                 tunnel.follow_roaming = dice.chance(50);
             }
         }},
        {"tunnels.inbound", tunnel_inbound},
        {"tunnels.inbound_file", inbound_files},
        {"tunnels.via", tunnel_via},
        {"tunnels.private",
         [](Dice& dice, Ids, Policy& p) {
             for (Tunnel& tunnel : p.tunnels) {
                 tunnel.private_use = dice.chance(60) ? PrivateUse::allow : PrivateUse::refuse;
             }
         }},
        {"tunnels.reconnect.unit",
         [](Dice& dice, Ids, Policy& p) {
             for (Tunnel& tunnel : p.tunnels) {
                 tunnel.reconnect.reset();
                 if (dice.chance(30)) {
                     tunnel.reconnect = Reconnect{"wg-quick@wg0.service"};
                 }
             }
         }},
        {"tunnels.reconnect.after",
         [](Dice& dice, Ids, Policy& p) {
             for (Tunnel& tunnel : p.tunnels) {
                 if (tunnel.reconnect) {
                     tunnel.reconnect->after = std::chrono::seconds(1 + dice.below(3600));
                 }
             }
         }},
        {"tunnels.only.fwmark",
         [](Dice& dice, Ids, Policy& p) {
             for (Tunnel& tunnel : p.tunnels) {
                 tunnel.only.fwmark.reset();
                 if (dice.chance(30)) {
                     const std::uint32_t mask = dice.chance(50) ? 0xffffffffU : 0x0001ff0fU;
                     tunnel.only.fwmark = MarkMatch{random_mark(dice) & mask, mask};
                 }
             }
         }},
        {"tunnels.only.user",
         [](Dice& dice, Ids, Policy& p) {
             each_sender(p, [&](Only& only) { only.user = some_identity(dice); });
         }},
        {"tunnels.only.group",
         [](Dice& dice, Ids, Policy& p) {
             each_sender(p, [&](Only& only) { only.group = some_identity(dice); });
         }},
        {"tunnels.only.cgroup",
         [](Dice& dice, Ids ids, Policy& p) {
             each_sender(p, [&](Only& only) { only.cgroup = some_cgroup(dice, ids); });
         }},
        {"tunnels.ipsec",
         [](Dice& dice, Ids, Policy& p) {
             for (Tunnel& tunnel : p.tunnels) {
                 tunnel.ipsec = dice.chance(15);
             }
         }},
        {"ipv6",
         [](Dice& dice, Ids, Policy& p) { p.ipv6 = dice.chance(40) ? Ipv6::block : Ipv6::tunnel; }},
        {"dns.servers", dns_servers},
        {"dns.bootstrap", dns_bootstrap},
        {"dns.user", dns_user},
        {"dns.hosts", [](Dice& dice, Ids, Policy& p) { p.bootstrap.hosts = dice.chance(50); }},
        {"lan.allow", [](Dice& dice, Ids, Policy& p) { p.lan.allow = dice.chance(60); }},
        {"lan.networks", lan_networks},
        {"lan.unsafe", lan_unsafe},
        {"lan.interfaces", lan_interfaces},
        {"lan.dns", [](Dice& dice, Ids, Policy& p) { p.lan.dns = dice.chance(40); }},
        {"lan.inbound", [](Dice& dice, Ids, Policy& p) { p.lan.inbound = dice.chance(50); }},
        {"guests.interfaces", guest_interfaces},
        {"guests.reach",
         [](Dice& dice, Ids, Policy& p) {
             p.guests.reach = dice.chance(70) ? Guests::Reach::tunnel : Guests::Reach::block;
         }},
        {"allow.outbound.to",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.outbound, [&](AllowRule& rule) { rule.far = some_prefix(dice); });
         }},
        {"allow.outbound.ports",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.outbound, [&](AllowRule& rule) { rule.ports = some_ports(dice); });
         }},
        {"allow.outbound.user",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.outbound, [&](AllowRule& rule) { rule.user = some_identity(dice); });
         }},
        {"allow.outbound.group",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.outbound,
                       [&](AllowRule& rule) { rule.group = some_identity(dice); });
         }},
        {"allow.outbound.cgroup",
         [](Dice& dice, Ids ids, Policy& p) {
             each_rule(dice, p.outbound,
                       [&](AllowRule& rule) { rule.cgroup = some_cgroup(dice, ids); });
         }},
        {"allow.outbound.interface",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.outbound,
                       [&](AllowRule& rule) { rule.interface = some_interface(dice); });
         }},
        {"allow.inbound.from",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.inbound, [&](AllowRule& rule) { rule.far = some_prefix(dice); });
         }},
        {"allow.inbound.ports",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.inbound, [&](AllowRule& rule) { rule.ports = some_ports(dice); });
         }},
        {"allow.inbound.interface",
         [](Dice& dice, Ids, Policy& p) {
             each_rule(dice, p.inbound,
                       [&](AllowRule& rule) { rule.interface = some_interface(dice); });
         }},
        {"scope",
         [](Dice& dice, Ids, Policy& p) { p.scope = dice.chance(75) ? Scope::all : Scope::apps; }},
        {"apps.users", [](Dice& dice, Ids, Policy& p) { p.apps.users = dice.some(identities()); }},
        {"apps.groups",
         [](Dice& dice, Ids, Policy& p) { p.apps.groups = dice.some(identities()); }},
        {"apps.cgroups",
         [](Dice& dice, Ids ids, Policy& p) {
             p.apps.cgroups.clear();
             if (const auto path = some_cgroup(dice, ids)) {
                 p.apps.cgroups = {*path};
             }
         }},
        {"raw",
         [](Dice& dice, Ids, Policy& p) { p.raw = dice.chance(60) ? Raw::block : Raw::allow; }},
        {"log.blocked", [](Dice& dice, Ids, Policy& p) { p.log.blocked = dice.chance(70); }},
        {"log.rate",
         [](Dice& dice, Ids, Policy& p) {
             static const std::vector<Rate> rates{
                 {1, Rate::Per::second}, {20, Rate::Per::minute}, {1000000, Rate::Per::day}};
             p.log.rate = dice.pick(rates);
         }},
        {"ownership",
         [](Dice& dice, Ids, Policy& p) {
             p.ownership = dice.chance(50) ? Ownership::automatic : Ownership::off;
         }},
        {"control.admin_group",
         [](Dice& dice, Ids, Policy& p) { p.control.admin_gid = some_identity(dice); }},
        {"control.read",
         [](Dice& dice, Ids, Policy& p) {
             static const std::vector<ReadAccess> all_access{{ReadAccess::Who::all, 0},
                                                             {ReadAccess::Who::root, 0},
                                                             {ReadAccess::Who::group, 1000}};
             p.control.read = dice.pick(all_access);
         }},
    };
    return all;
}

const std::map<std::string, std::string>& keys_without_rules() {
    static const std::map<std::string, std::string> all{
        {"version", "there is one"},
        {"boot", "says when the rules are loaded"},
        {"tunnels.endpoints.import", "the files say what it comes to"},
        {"tunnels.reconnect.unit", "says who is restarted"},
        {"tunnels.reconnect.after", "says when that is"},
        {"tunnels.follow_roaming", "says which endpoints are learned"},
        {"dns.hosts", "says what is written into a file"},
        {"ownership", "a flag of the table"},
        {"control.admin_group", "for the control socket"},
        {"control.read", "for the control socket"},
    };
    return all;
}

void change(Policy& policy, const std::string& key, Dice& dice, const CgroupIds& cgroups) {
    generators().at(key)(dice, cgroups, policy);
    settle(dice, policy);
}

Policy random_policy(Dice& dice, const CgroupIds& cgroups) {
    Policy policy;
    for (const std::string& key : config_keys()) {
        if (const auto generate = generators().find(key); generate != generators().end()) {
            change(policy, generate->first, dice, cgroups);
        } else if (!keys_without_rules().contains(key)) {
            throw std::runtime_error(fmt::format(
                "no random value for the config key '{}': add one to generators()", key));
        }
    }
    return policy;
}

Ruleset random_ruleset(Dice& dice, const CgroupIds& cgroups, RawSupport raw_support) {
    for (;;) {
        const Policy policy = random_policy(dice, cgroups);
        Situation situation = random_situation(dice, policy, cgroups);
        situation.raw_support = raw_support;
        if (auto ruleset = compile(policy, situation)) {
            return *std::move(ruleset);
        }
    }
}

}  // namespace ks::test
