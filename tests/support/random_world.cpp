// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_world.hpp"

#include "killswitchd/intents.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <net/if.h>

namespace ks::test {

namespace {

/// Where the kernel has the device, its index there.
int index_of(const std::string& device) {
    const unsigned real = ::if_nametoindex(device.c_str());
    const auto place = std::ranges::find(devices(), device) - devices().begin();
    return real != 0 ? static_cast<int>(real) : kLoopbackIndex + 1 + static_cast<int>(place);
}

std::vector<Prefix> some_addresses(Dice& dice) {
    static const std::vector<Prefix> all{
        Prefix{address("10.1.2.3"), 16},     Prefix{address("192.168.1.1"), 24},
        Prefix{address("203.0.113.77"), 24}, Prefix{address("2001:db8::107"), 64},
        Prefix{address("fd00:1::1"), 64},    Prefix{address("172.16.5.6"), 32},
        Prefix{address("100.64.0.1"), 10},   Prefix{address("192.167.255.254"), 31},
        Prefix{address("fc00::1"), 121},     Prefix{address("2001:db8::8"), 127}};
    return dice.some(all);
}

/// What the tunnel's device has; the judge of the kernel has some of them on its loopback.
std::vector<Prefix> some_tunnel_addresses(Dice& dice) {
    static const std::vector<Prefix> all{Prefix{address("10.99.0.77"), 32},
                                         Prefix{address("fd77::77"), 128}};
    return dice.some(all);
}

Link random_link(Dice& dice, const std::string& device) {
    static const std::vector<std::pair<std::string, std::string>> kinds{
        {"wg", "wireguard"}, {"tun", "tun"}, {"tap", "tun"}, {"veth", "veth"}, {"br", "bridge"}};
    Link link;
    link.name = device;
    link.group = group_of(device);
    link.up = dice.chance(60);
    for (const auto& [stem, kind] : kinds) {
        if (device.starts_with(stem)) {
            link.kind = kind;
        }
    }
    if (link.kind == "wireguard" && dice.chance(60)) {
        link.kind = "tun";  // wireguard-go
    }
    const bool tunnel = device.starts_with("wg") || device.starts_with("tun");
    link.addresses = tunnel ? some_tunnel_addresses(dice) : some_addresses(dice);
    if (device == "up0" || (device == "eth1" && dice.chance(20))) {
        link.default_route = true;
        if (dice.chance(50)) {
            link.routers6 = {address("2a00::1")};
        }
    }
    return link;
}

}  // namespace

std::uint64_t seed() {
    const char* const given = std::getenv("KS_SEED");
    const std::uint64_t value =
        given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    fmt::print("KS_SEED={}\n", value);
    return value;
}

const std::vector<std::string>& devices() {
    static const std::vector<std::string> names{"up0",   "wg0",   "veth1", "br0",  "tun0",
                                                "tun1",  "eth1",  "tap0",  "wg10", "veth2",
                                                "veth3", "veth4", "veth5"};
    return names;
}

std::uint32_t group_of(const std::string& device) {
    static const std::map<std::string, std::uint32_t> groups{
        {"tun0", 7}, {"tun1", 7}, {"wg10", 7}, {"eth1", 9}, {"veth3", 11}, {"br0", 11}};
    const auto found = groups.find(device);
    return found == groups.end() ? 0 : found->second;
}

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

std::uint16_t random_port(Dice& dice) {
    static const std::vector<std::uint16_t> ports{53,   67,   68,    443,   500, 853,
                                                  1194, 4500, 51820, 65535, 1,   33434};
    return dice.pick(ports);
}

IpAddress random_address(Dice& dice, IpFamily family) {
    static const std::vector<IpAddress> v4{
        address("203.0.113.7"),   address("203.0.113.8"),    address("198.51.100.9"),
        address("198.51.100.10"), address("9.9.9.9"),        address("149.112.112.112"),
        address("8.8.8.8"),       address("10.1.2.3"),       address("172.16.5.6"),
        address("172.32.0.1"),    address("192.168.1.1"),    address("100.64.0.1"),
        address("100.128.0.1"),   address("169.254.7.7"),    address("11.0.0.1"),
        address("223.255.255.1"), address("192.167.255.254")};
    static const std::vector<IpAddress> v6{address("2001:db8::7"),    address("2001:db8::8"),
                                           address("2001:db8:1::53"), address("2620:fe::fe"),
                                           address("fd00:1::1"),      address("fc00::1"),
                                           address("2a00::1"),        address("2001:db8::107")};
    return dice.pick(family == IpFamily::v4 ? v4 : v6);
}

std::uint32_t random_mark(Dice& dice) {
    static const std::vector<std::uint32_t> marks{0xca6c, 0xca6d, 1, 0x10000, 0x8000ca6c, 0x100};
    return dice.pick(marks);
}

const std::vector<std::uint32_t>& identities() {
    static const std::vector<std::uint32_t> ids{0, 1000, 1001};
    return ids;
}

LinkTable random_links(Dice& dice) {
    LinkTable links{{kLoopbackIndex, {"lo", "", true, {}}}};
    for (const std::string& device : devices()) {
        links[index_of(device)] = random_link(dice, device);
    }
    links[index_of("tap0")].master = index_of("br0");
    return links;
}

/// The same all the time, so that it is the same for equal dice, and after the end of the test.
static const Instant& end_of_pauses() {
    static const Instant end{"b", since_boot() + std::chrono::hours(1)};
    return end;
}

Situation random_situation(Dice& dice, const Policy& policy, CgroupIds cgroups) {
    const LinkTable links = random_links(dice);  // First: it is the same for every policy.
    Intents intents;
    intents.engaged = true;
    intents.panic = dice.chance(10);
    if (dice.chance(5)) {
        intents.open_until = end_of_pauses();
    }
    if (dice.chance(15)) {
        intents.user_pauses.emplace(dice.pick(identities()), end_of_pauses());
    }
    if (!cgroups.empty() && dice.chance(20)) {
        cgroups.erase(cgroups.begin());
    }
    IpsecGateways gateways;
    for (const Tunnel& tunnel : policy.tunnels) {
        if (tunnel.ipsec && dice.chance(60)) {
            gateways.push_back(tunnel.endpoints.front().address);
        }
    }
    std::ranges::sort(gateways);
    Situation situation = decide(policy, links, intents, std::move(cgroups), gateways);
    for (const Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.inbound_file.empty()) {
            const std::uint16_t port = random_port(dice);
            situation.open_ports[tunnel.name] = {
                {{port, port}, dice.chance(50) ? proto::kTcp : proto::kUdp}};
        }
    }
    for (const Tunnel& tunnel : policy.tunnels) {  // Of IPsec all have the same file.
        const auto first = std::ranges::find(policy.tunnels, true, &Tunnel::ipsec);
        if (tunnel.ipsec && situation.open_ports.contains(first->name)) {
            situation.open_ports[tunnel.name] = situation.open_ports[first->name];
        }
    }
    return situation;
}

}  // namespace ks::test
