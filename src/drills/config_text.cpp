// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_text.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::drills {

namespace {

void adapt(Tunnel& tunnel, std::size_t number, std::vector<std::string>& notes) {
    if (tunnel.ipsec) {
        tunnel.ipsec = false;
        tunnel.interface = fmt::format("ipsec-lab{}", number);
        notes.push_back(fmt::format("{}: a tun device plays the IPsec policy", tunnel.name));
    }
    if (!tunnel.kind.empty() && tunnel.kind != "tun") {
        notes.push_back(fmt::format("{}: a tun device plays the {} device {}", tunnel.name,
                                    tunnel.kind, tunnel.interface));
        tunnel.kind.clear();
    }
    if (tunnel.only.cgroup) {
        notes.push_back(fmt::format("{}: played without its cgroup", tunnel.name));
        tunnel.only.cgroup.reset();
    }
    if (tunnel.interface.ends_with('*')) {
        tunnel.interface.back() = '0';
        notes.push_back(fmt::format("{}: played as {}", tunnel.name, tunnel.interface));
    }
}

/// The lab has uplinks and a guest of its own, under names of its own.
void adapt_places(Policy& policy, std::vector<std::string>& notes) {
    if (!policy.lan.interfaces.empty()) {
        policy.lan.interfaces.clear();
        notes.emplace_back("lan.interfaces: played as the local networks of every interface");
    }
    if (!policy.guests.automatic) {
        policy.guests.interfaces = {"br0"};
        notes.emplace_back("guests.interfaces: the lab's bridge br0 plays them");
    }
}

}  // namespace

Adapted adapt(Policy policy) {
    Adapted adapted;
    if (policy.mode != Mode::always) {
        adapted.notes.push_back(fmt::format("mode is {} in the config; played as if it were always",
                                            word(policy.mode)));
        policy.mode = Mode::always;
    }
    policy.boot = BootLock::lock;
    for (std::size_t i = 0; i < policy.tunnels.size(); ++i) {
        adapt(policy.tunnels[i], i, adapted.notes);
    }
    adapt_places(policy, adapted.notes);
    if (!policy.outbound.empty() || !policy.inbound.empty()) {
        policy.outbound.clear();
        policy.inbound.clear();
        adapted.notes.emplace_back("played without the exceptions under 'allow'");
    }
    if (policy.scope == Scope::apps) {
        policy.scope = Scope::all;
        policy.apps = {};
        adapted.notes.emplace_back("scope: played as if every program were under 'apps'");
    }
    policy.control = {};
    adapted.policy = std::move(policy);
    return adapted;
}

namespace {

std::string list_of_strings(const std::vector<std::string>& words) {
    std::vector<std::string> quoted;
    for (const std::string& word : words) {
        quoted.push_back(fmt::format("\"{}\"", word));
    }
    return fmt::format("[{}]", fmt::join(quoted, ", "));
}

template <class T>
std::string list_of_values(const std::vector<T>& values) {
    std::vector<std::string> words;
    for (const T& value : values) {
        words.push_back(value.str());
    }
    return list_of_strings(words);
}

/// The selectors of senders as "key: value", for whoever has them.
template <class T>
std::vector<std::string> sender_entries(const T& from) {
    std::vector<std::string> entries;
    if (from.user) {
        entries.push_back(fmt::format("user: {}", *from.user));
    }
    if (from.group) {
        entries.push_back(fmt::format("group: {}", *from.group));
    }
    if (from.cgroup) {
        entries.push_back(fmt::format("cgroup: \"{}\"", *from.cgroup));
    }
    return entries;
}

std::string only_yaml(const Only& only) {
    if (only.empty()) {
        return {};
    }
    std::vector<std::string> entries = sender_entries(only);
    if (only.fwmark) {
        entries.push_back(
            fmt::format("fwmark: 0x{:x}/0x{:x}", only.fwmark->value, only.fwmark->mask));
    }
    return fmt::format("    only: {{ {} }}\n", fmt::join(entries, ", "));
}

std::string tunnel_yaml(const Tunnel& tunnel) {
    std::string text = fmt::format("  - name: \"{}\"\n", tunnel.name);
    text += tunnel.ipsec ? "    ipsec: policy\n"
                         : fmt::format("    interface: \"{}\"\n", tunnel.interface);
    if (!tunnel.kind.empty()) {
        text += fmt::format("    kind: {}\n", tunnel.kind);
    }
    if (!tunnel.endpoints.empty()) {
        text += fmt::format("    endpoints: {}\n", list_of_values(tunnel.endpoints));
    }
    return text + only_yaml(tunnel.only);
}

std::string tunnels_yaml(const std::vector<Tunnel>& tunnels) {
    if (tunnels.empty()) {
        return "tunnels: []\n";
    }
    std::string text = "tunnels:\n";
    for (const Tunnel& tunnel : tunnels) {
        text += tunnel_yaml(tunnel);
    }
    return text;
}

std::string lan_yaml(const Lan& lan) {
    std::string text = fmt::format("lan:\n  allow: {}\n  dns: {}\n  inbound: {}\n", lan.allow,
                                   lan.dns, lan.inbound);
    switch (lan.networks) {
    case Lan::Networks::on_link:
        text += "  networks: on-link\n";
        break;
    case Lan::Networks::private_:
        text += "  networks: private\n";
        break;
    case Lan::Networks::listed:
        text += fmt::format("  networks: {}\n", list_of_values(lan.list));
        break;
    }
    return text + fmt::format("  unsafe: {}\n  interfaces: {}\n", lan.unsafe,
                              list_of_strings(lan.interfaces));
}

std::string guests_yaml(const Guests& guests) {
    return fmt::format("guests:\n  interfaces: {}\n  reach: {}\n",
                       guests.automatic ? "auto" : list_of_strings(guests.interfaces),
                       guests.reach == Guests::Reach::tunnel ? "tunnel" : "block");
}

std::string port_text(const PortSpec& spec) {
    const std::string name = proto::name(spec.protocol);
    return spec.ports.first == spec.ports.last
               ? fmt::format("{}/{}", spec.ports.first, name)
               : fmt::format("{}-{}/{}", spec.ports.first, spec.ports.last, name);
}

/// \param far  What the direction calls the other side: "to" or "from".
std::string exceptions_yaml(const char* direction, const char* far,
                            const std::vector<AllowRule>& exceptions) {
    if (exceptions.empty()) {
        return {};
    }
    std::string text = fmt::format("  {}:\n", direction);
    for (const AllowRule& exception : exceptions) {
        std::vector<std::string> entries = sender_entries(exception);
        if (exception.far) {
            entries.push_back(fmt::format("{}: \"{}\"", far, exception.far->str()));
        }
        if (!exception.ports.empty()) {
            std::vector<std::string> ports;
            for (const PortSpec& spec : exception.ports) {
                ports.push_back(port_text(spec));
            }
            entries.push_back(fmt::format("ports: {}", list_of_strings(ports)));
        }
        if (!exception.interface.empty()) {
            entries.push_back(fmt::format("interface: \"{}\"", exception.interface));
        }
        text += fmt::format("    - {{ {} }}\n", fmt::join(entries, ", "));
    }
    return text;
}

std::string allow_yaml(const Policy& policy) {
    const std::string text = exceptions_yaml("outbound", "to", policy.outbound) +
                             exceptions_yaml("inbound", "from", policy.inbound);
    return text.empty() ? text : "allow:\n" + text;
}

std::string scope_yaml(const Policy& policy) {
    const Apps& apps = policy.apps;
    std::string text = fmt::format("scope: {}\n", policy.scope == Scope::apps ? "apps" : "all");
    if (apps == Apps{}) {
        return text;
    }
    return text + fmt::format("apps:\n  users: [{}]\n  groups: [{}]\n  cgroups: {}\n",
                              fmt::join(apps.users, ", "), fmt::join(apps.groups, ", "),
                              list_of_strings(apps.cgroups));
}

std::string control_yaml(const Control& control) {
    std::string text = "control:\n";
    if (control.admin_gid) {
        text += fmt::format("  admin_group: {}\n", *control.admin_gid);
    }
    switch (control.read.who) {
    case ReadAccess::Who::all:
        return text + "  read: all\n";
    case ReadAccess::Who::group:
        return text + fmt::format("  read: group {}\n", control.read.gid);
    case ReadAccess::Who::root:
        break;
    }
    return text + "  read: root\n";
}

}  // namespace

std::string to_yaml(const Policy& policy) {
    std::string text =
        fmt::format("version: 1\nmode: {}\nboot: {}\nipv6: {}\nownership: {}\n", word(policy.mode),
                    policy.boot == BootLock::lock ? "lock" : "open",
                    policy.ipv6 == Ipv6::block ? "block" : "tunnel",
                    policy.ownership == Ownership::automatic ? "auto" : "off");
    if (policy.raw ==
        Raw::allow) {  // The default is all that can be had, and may not be asked for.
        text += "raw: allow\n";
    }
    if (policy.dns_servers) {
        text += fmt::format("dns: {{ servers: {} }}\n", list_of_values(*policy.dns_servers));
    }
    return text + tunnels_yaml(policy.tunnels) + lan_yaml(policy.lan) + guests_yaml(policy.guests) +
           allow_yaml(policy) + scope_yaml(policy) + control_yaml(policy.control);
}

}  // namespace ks::drills
