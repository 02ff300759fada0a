// SPDX-License-Identifier: GPL-2.0-or-later
#include "inbound_keys.hpp"

#include "killswitchd/printable.hpp"
#include "values.hpp"
#include "writers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxPorts = 32;

bool overlap(const PortSpec& a, const PortSpec& b) noexcept {
    return a.protocol == b.protocol && a.ports.first <= b.ports.last &&
           b.ports.first <= a.ports.last;
}

}  // namespace

std::vector<PortSpec> read_ports(Context& context, const Node& node) {
    std::vector<PortSpec> ports =
        read_list(context, node, "ports", Empty::refused, kMaxPorts, [](Context& c, const Node& n) {
            return read_value(c, n, "a port", parse_ports,
                              "write PORT/tcp, PORT/udp or a range such as 5000-5010/udp");
        });
    if (ports.size() != node.items.size()) {
        return ports;  // One of them was refused, so places and values no longer agree.
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (overlap(ports[i], ports[j])) {
                context.findings.error(node.items[i].at,
                                       fmt::format("ports {} overlap with {}",
                                                   in_quotes(node.items[i].text),
                                                   in_quotes(node.items[j].text)),
                                       "write each port once");
                break;
            }
        }
    }
    return ports;
}

Node write_ports(const std::vector<PortSpec>& ports) {
    return write_list(ports, [](const PortSpec& spec) { return write_plain(spec.str()); });
}

void read_inbound(Context& context, const Node& node, Inbound& inbound) {
    constexpr std::array<Word<bool>, 2> kWords{{{"replies", false}, {"all", true}}};
    if (node.kind == Node::Kind::list) {
        inbound.ports = read_ports(context, node);
    } else {
        set_word(context, node, "inbound", kWords, inbound.all);
    }
}

Node write_inbound(const Inbound& inbound) {
    return inbound.ports.empty() ? write_plain(inbound.all ? "all" : "replies")
                                 : write_ports(inbound.ports);
}

void warn_about_inbound(Context& context, const Tunnel& tunnel, const Place& at) {
    if (tunnel.inbound.all && !tunnel.inbound_file.empty()) {
        context.findings.warning(
            at,
            fmt::format("tunnel {}: inbound_file has no effect with 'inbound: all'",
                        in_quotes(tunnel.name)),
            "write 'inbound: replies', and only the ports of the file are opened");
    } else if (tunnel.inbound.all) {
        context.findings.warning(
            at,
            fmt::format("tunnel {}: inbound: all: everybody in the VPN may connect to every "
                        "service of this host",
                        in_quotes(tunnel.name)),
            "list the ports: inbound: [51413/tcp]");
    }
}

void require_agreement(Context& context, const Policy& policy, const Tunnel& tunnel,
                       const Place& inbound_at, const Place& private_at) {
    const auto first = std::ranges::find(policy.tunnels, true, &Tunnel::ipsec);
    if (first == policy.tunnels.end()) {
        return;
    }
    const auto report = [&](const Place& at, const char* key) {
        context.findings.error(
            at,
            fmt::format("tunnel {}: '{}' is not that of tunnel {}, and nothing tells their "
                        "packets apart",
                        in_quotes(tunnel.name), key, in_quotes(first->name)),
            "write the same in every tunnel with 'ipsec: policy'");
    };
    if (first->inbound != tunnel.inbound || first->inbound_file != tunnel.inbound_file) {
        report(inbound_at, "inbound");
    }
    if (first->private_use != tunnel.private_use) {
        report(private_at, "private");
    }
}

}  // namespace ks
