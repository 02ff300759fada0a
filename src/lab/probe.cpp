// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/probe.hpp"

#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::lab {
namespace {

constexpr std::uint16_t kWebPort = 443;

std::vector<Probe> world_probes() {
    std::vector<Probe> probes;
    for (const bool v6 : {false, true}) {
        const char* const family = v6 ? "6" : "4";
        const IpAddress to = ip(v6 ? addr::kInternet6 : addr::kInternet);
        const auto add = [&](std::string_view name, Packet packet, std::uint16_t port) {
            probes.push_back(
                {fmt::format("{}{}", name, family), packet, Aim::world, Via::routed, to, port});
        };
        add("tcp", Packet::tcp, kWebPort);
        add("udp", Packet::udp, kWebPort);
        add("icmp", Packet::icmp, 0);
        add("dns-udp", Packet::dns_udp, 53);
        add("dns-tcp", Packet::dns_tcp, 53);
        add("dns-tls", Packet::tcp, 853);
        if (!v6) {
            add("raw", Packet::raw, kWebPort);
        }
    }
    return probes;
}

std::vector<Probe> link_probes() {
    const auto make = [](std::string name, Packet packet, std::string_view to, std::uint16_t port) {
        return Probe{std::move(name), packet, Aim::link, Via::routed, ip(to), port};
    };
    return {
        make("dns-router-udp4", Packet::dns_udp, addr::kRouter[0], 53),
        make("dns-router-tcp4", Packet::dns_tcp, addr::kRouter[0], 53),
        make("dns-router-udp6", Packet::dns_udp, addr::kRouter6[0], 53),
        make("router-ping4", Packet::icmp, addr::kRouter[0], 0),
        make("router-web4", Packet::tcp, addr::kRouter[0], 80),
        make("mdns4", Packet::udp, "224.0.0.251", 5353),
        make("ssdp4", Packet::udp, "239.255.255.250", 1900),
        make("broadcast4", Packet::udp, "255.255.255.255", 9),
        make("mdns6", Packet::udp, "ff02::fb", 5353),
        make("all-nodes6", Packet::icmp, "ff02::1", 0),
    };
}

std::uint16_t neighbour_of(std::uint16_t port) {
    return port < 65535 ? static_cast<std::uint16_t>(port + 1) : std::uint16_t{65534};
}

/// The endpoint's address, but not its port or not its protocol; and its port from a stranger.
std::vector<Probe> endpoint_probes(const Endpoint& endpoint) {
    const bool tcp = endpoint.protocol == proto::kTcp;
    const Packet same = tcp ? Packet::tcp : Packet::udp;
    const Packet different = tcp ? Packet::udp : Packet::tcp;
    const std::uint16_t port = endpoint.port == 0 ? kWebPort : endpoint.port;
    const auto make = [&](std::string_view what, Packet packet, std::uint16_t to_port) {
        return Probe{fmt::format("endpoint-{} {}", what, endpoint.str()),
                     packet,
                     Aim::endpoint,
                     Via::routed,
                     endpoint.address,
                     to_port};
    };
    return {make("other-port", same, neighbour_of(port)), make("other-protocol", different, port),
            make("ping", Packet::icmp, 0), make("stranger", same, port)};
}

std::vector<Probe> all_endpoint_probes(const Lab& lab) {
    std::vector<Probe> probes;
    for (const Endpoint& endpoint : lab.options().endpoints) {
        const std::vector<Probe> some = endpoint_probes(endpoint);
        probes.insert(probes.end(), some.begin(), some.end());
    }
    return probes;
}

bool needs_uplink(const Probe& probe) {  // Without a device, the kernel cannot know the link.
    return probe.to.family == IpFamily::v6 && probe.to.bytes[0] == 0xff;
}

void add_in(std::vector<Probe>& all, std::span<const Probe> some, Via via) {
    for (Probe probe : some) {
        if (via == Via::routed && needs_uplink(probe)) {
            continue;
        }
        probe.name += via == Via::uplink ? "/uplink" : "/routed";
        probe.via = via;
        all.push_back(std::move(probe));
    }
}

}  // namespace

std::vector<Probe> standard_probes(const Lab& lab) {
    std::vector<Probe> all;
    for (const Via via : {Via::routed, Via::uplink}) {
        add_in(all, world_probes(), via);
        add_in(all, link_probes(), via);
        add_in(all, all_endpoint_probes(lab), via);
    }
    return all;
}

std::vector<Probe> guest_probes(const Lab& lab) {
    std::vector<Probe> all;
    add_in(all, world_probes(), Via::routed);
    add_in(all, all_endpoint_probes(lab), Via::routed);
    return all;
}

bool Shot::matches(const FrameInfo& frame) const {
    if (frame.tag != 0) {
        return frame.tag == tag;
    }
    return source_port != 0 && frame.protocol == proto::kTcp && frame.source_port == source_port &&
           frame.destination_port == probe.port && frame.destination == probe.to;
}

std::vector<Outcome> judge(std::span<const Shot> shots, std::span<const FrameInfo> frames) {
    std::vector<Outcome> outcomes;
    for (const Shot& shot : shots) {
        Outcome outcome{shot, {}};
        std::copy_if(frames.begin(), frames.end(), std::back_inserter(outcome.escaped),
                     [&](const FrameInfo& frame) { return shot.matches(frame); });
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

}  // namespace ks::lab
