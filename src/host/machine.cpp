// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine.hpp"

#include "killswitchd/link_monitor.hpp"
#include "killswitchd/special.hpp"
#include "killswitchd/tunnels.hpp"
#include "vpn_devices.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";

bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

/// Source: sd_booted(3).
std::vector<std::string> disabled_units() {
    std::vector<std::string> disabled;
    for (const char* const unit : {"killswitchd-boot.service", "killswitchd.service"}) {
        if (exists("/run/systemd/system") &&
            !exists(fmt::format("/etc/systemd/system/sysinit.target.wants/{}", unit))) {
            disabled.emplace_back(unit);
        }
    }
    return disabled;
}

/// Where a unit, or the template that it is made from, may lie. Source: systemd.unit(5).
bool has_unit(const std::string& unit) {
    constexpr std::array<std::string_view, 8> kFolders{
        "/etc/systemd/system",         "/run/systemd/system",    "/run/systemd/generator",
        "/run/systemd/generator.late", "/run/systemd/transient", "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",     "/lib/systemd/system"};
    const std::size_t at = unit.find('@');
    const std::string from_template =
        at == std::string::npos ? unit : unit.substr(0, at + 1) + ".service";
    return std::ranges::any_of(kFolders, [&](std::string_view folder) {
        return exists(fmt::format("{}/{}", folder, unit)) ||
               exists(fmt::format("{}/{}", folder, from_template));
    });
}

std::vector<std::string> missing_units(const Policy& policy) {
    std::vector<std::string> missing;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (tunnel.reconnect && exists("/run/systemd/system") &&
            !has_unit(tunnel.reconnect->unit)) {
            missing.push_back(tunnel.reconnect->unit);
        }
    }
    return missing;
}

bool is_tunnel(const Policy& policy, int index, const Link& link) {
    return bears_tunnel_name(policy, link) && distrust(policy, index, link).empty();
}

void add_kind(const Tunnel& tunnel, const Machine& machine, std::vector<std::string>& found) {
    for (const auto& [index, link] : *machine.links) {
        if (tunnel.ipsec || tunnel.kind.empty() || !link.up || link.kind == tunnel.kind ||
            !interface_matches(tunnel.interface, link.name) || !wraps_packets(link)) {
            continue;
        }
        found.push_back(fmt::format("{} is up, but is a {} device, not {}: it would stay closed. "
                                    "Remove `kind`, or write `kind: {}`.",
                                    link.name, link.kind, tunnel.kind, link.kind));
    }
}

void add_endpoints(const Tunnel& tunnel, const std::vector<KnownEndpoint>& known, const Link& link,
                   const VpnDevice& device, std::vector<std::string>& found) {
    constexpr std::size_t kMostNamed = 4;
    std::size_t named = 0;
    for (const VpnPeer& peer : device.peers) {
        const bool fits =
            !peer.endpoint || tunnel.automatic ||
            std::ranges::find(known, *peer.endpoint, &KnownEndpoint::endpoint) != known.end();
        if (!fits && named++ < kMostNamed) {
            found.push_back(fmt::format("{} talks to {}, which is no endpoint here. Write it under "
                                        "`endpoints`, or `auto`.",
                                        link.name, peer.endpoint->str()));
        }
    }
}

void add_mark(const Tunnel& tunnel, const Link& link, const VpnDevice& device,
              std::vector<std::string>& found) {
    const std::uint32_t set = device.fwmark;
    if (!tunnel.only.fwmark) {
        if (set != 0) {
            found.push_back(fmt::format("{} marks its packets with 0x{:x}; to let no other program "
                                        "use its endpoints: only: {{ fwmark: 0x{:x} }}",
                                        link.name, set, set));
        }
        return;
    }
    const MarkMatch& asked = *tunnel.only.fwmark;
    if ((set & asked.mask) != asked.value) {
        found.push_back(fmt::format("{} {}, but only.fwmark asks for 0x{:x}: it could not connect.",
                                    link.name,
                                    set == 0 ? std::string("marks no packets")
                                             : fmt::format("marks its packets with 0x{:x}", set),
                                    asked.value));
    }
}

void add_devices(const Tunnel& tunnel, const KnownEndpoints& known, const Machine& machine,
                 std::vector<std::string>& found) {
    for (const auto& [index, link] : *machine.links) {
        const auto device = machine.devices.find(index);
        if (device != machine.devices.end() && !tunnel.ipsec &&
            interface_matches(tunnel.interface, link.name)) {
            add_endpoints(tunnel, endpoints_of(known, tunnel.name), link, device->second, found);
            add_mark(tunnel, link, device->second, found);
        }
    }
}

/// Whether it is in a network of a link that is no tunnel.
bool is_beside_tunnels(const Policy& policy, const LinkTable& links, const IpAddress& address) {
    return std::ranges::any_of(links, [&](const auto& entry) {
        const auto& [index, link] = entry;
        const bool near = std::ranges::any_of(link.addresses, [&](const Prefix& own) {
            return own.address != address && Prefix::of(own.address, own.length).contains(address);
        });
        return near && index != kLoopbackIndex && !is_tunnel(policy, index, link);
    });
}

std::string fault_of_resolver(const Policy& policy, const LinkTable& links,
                              const IpAddress& resolver) {
    if (special_around(Prefix::of(resolver, resolver.bits())) != nullptr) {
        return {};  // A resolver of this host, which asks others itself.
    }
    if (is_beside_tunnels(policy, links, resolver)) {
        return policy.lan.allow && policy.lan.dns
                   ? std::string()
                   : fmt::format("{} asks {}, a LAN resolver: it will be refused. Use the VPN's "
                                 "resolver, or lan: {{ allow: true, dns: true }}.",
                                 kResolvConf, resolver.str());
    }
    const bool listed = !policy.dns_servers || std::ranges::find(*policy.dns_servers, resolver) !=
                                                   policy.dns_servers->end();
    return listed ? std::string()
                  : fmt::format("{} asks {}, which is not among dns.servers: it will be refused.",
                                kResolvConf, resolver.str());
}

void add_never_learned(const Tunnel& tunnel, const KnownEndpoints& known,
                       std::vector<std::string>& found) {
    if (tunnel.automatic && endpoints_of(known, tunnel.name).empty()) {
        found.push_back(fmt::format("tunnel {}: no server was learned yet, so that it cannot "
                                    "connect while traffic is blocked. Start the VPN once before "
                                    "`killswitchd arm`.",
                                    tunnel.name));
    }
}

}  // namespace

std::vector<IpAddress> resolvers_in(std::string_view resolv_conf) {
    std::vector<IpAddress> all;
    std::istringstream lines{std::string(resolv_conf)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        words >> key >> value;
        if (const auto address = IpAddress::parse(value); key == "nameserver" && address) {
            all.push_back(*address);
        }
    }
    return all;
}

Machine see_machine(const Policy& policy) {
    Machine machine;
    if (auto links = read_links()) {
        machine.links = *std::move(links);
    }
    for (const auto& [index, link] : machine.links.value_or(LinkTable{})) {
        if (!bears_tunnel_name(policy, link)) {
            continue;
        }
        if (auto device = read_vpn_device(index, link); device && *device) {
            machine.devices.emplace(index, **std::move(device));
        }
    }
    std::ifstream file(kResolvConf);
    std::ostringstream text;
    text << file.rdbuf();
    machine.resolvers = resolvers_in(text.str());
    machine.disabled_units = disabled_units();
    machine.missing_units = missing_units(policy);
    return machine;
}

std::vector<std::string> surprises(const Policy& policy, const KnownEndpoints& known,
                                   const Machine& machine) {
    std::vector<std::string> found;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (machine.links) {
            add_kind(tunnel, machine, found);
            add_devices(tunnel, known, machine, found);
        }
        add_never_learned(tunnel, known, found);
    }
    for (const IpAddress& resolver : machine.resolvers) {
        std::string fault =
            machine.links ? fault_of_resolver(policy, *machine.links, resolver) : std::string();
        if (!fault.empty()) {
            found.push_back(std::move(fault));
        }
    }
    for (const std::string& unit : machine.missing_units) {
        found.push_back(fmt::format("systemd has no unit {}, which `reconnect` names: nothing "
                                    "would be restarted. systemctl list-unit-files lists them",
                                    unit));
    }
    if (policy.mode != Mode::off && policy.boot == BootLock::lock) {
        for (const std::string& unit : machine.disabled_units) {
            found.push_back(fmt::format("{} is not enabled: open after the next reboot. systemctl "
                                        "enable {}",
                                        unit, unit));
        }
    }
    return found;
}

}  // namespace ks
