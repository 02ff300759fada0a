// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_policy.hpp"

#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::test {

namespace {

Endpoint random_endpoint(Dice& dice) {
    const IpFamily family = dice.chance(65) ? IpFamily::v4 : IpFamily::v6;
    const IpAddress where = random_address(dice, family);
    if (dice.chance(10)) {
        return {where, proto::kEsp, 0};
    }
    return {where, dice.chance(60) ? proto::kUdp : proto::kTcp, random_port(dice)};
}

Only random_only(Dice& dice, const CgroupIds& cgroups) {
    Only only;
    if (dice.chance(30)) {
        const std::uint32_t mask = dice.chance(50) ? 0xffffffffU : 0x0000ff0fU;
        only.fwmark = MarkMatch{random_mark(dice) & mask, mask};
    }
    if (dice.chance(25)) {
        only.user = dice.pick(identities());
    }
    if (dice.chance(25)) {
        only.group = dice.pick(identities());
    }
    if (dice.chance(20) && !cgroups.empty()) {
        only.cgroup =
            std::next(cgroups.begin(), static_cast<std::ptrdiff_t>(dice.below(cgroups.size())))
                ->first;
    }
    return only;
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
    static const std::vector<std::string> names{"up0", "wg0", "tun0", "tun1", "wg10"};
    return names;
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

Policy random_policy(Dice& dice, const CgroupIds& cgroups) {
    static const std::vector<std::string> interfaces{"wg0", "tun0", "tun*", "wg*", "tun1"};
    Policy policy;
    policy.mode = Mode::always;
    policy.ipv6 = dice.chance(50) ? Ipv6::block : Ipv6::tunnel;
    const std::size_t tunnels = 1 + dice.below(2);
    for (std::size_t i = 0; i < tunnels; ++i) {
        Tunnel tunnel;
        tunnel.name = fmt::format("vpn{}", i);
        tunnel.interface = dice.pick(interfaces);
        tunnel.only = random_only(dice, cgroups);
        for (std::size_t left = dice.below(13); left > 0; --left) {
            tunnel.endpoints.push_back(random_endpoint(dice));
        }
        // A validated policy names no endpoint twice.
        std::ranges::sort(tunnel.endpoints);
        const auto repeated = std::unique(tunnel.endpoints.begin(), tunnel.endpoints.end());
        tunnel.endpoints.erase(repeated, tunnel.endpoints.end());
        policy.tunnels.push_back(std::move(tunnel));
    }
    if (dice.chance(40)) {
        policy.dns_servers.emplace();
        for (std::size_t left = dice.below(4); left > 0; --left) {
            policy.dns_servers->push_back(
                random_address(dice, dice.chance(70) ? IpFamily::v4 : IpFamily::v6));
        }
    }
    return policy;
}

Situation random_situation(Dice& dice, const Policy& policy, CgroupIds cgroups) {
    if (dice.chance(10)) {
        return {StateName::panic, {}, std::move(cgroups)};
    }
    if (!cgroups.empty() && dice.chance(20)) {
        cgroups.erase(cgroups.begin());
    }
    Situation situation{StateName::locked, {}, std::move(cgroups)};
    situation.endpoints = known_endpoints(policy);
    for (const std::string& device : devices()) {
        const bool ours = std::ranges::any_of(policy.tunnels, [&](const Tunnel& tunnel) {
            return interface_matches(tunnel.interface, device);
        });
        if (ours && dice.chance(60)) {
            situation.tunnels_up.push_back(device);
            situation.state = StateName::protected_;
        }
    }
    if (dice.chance(20)) {
        situation.ipsec_up = {"office"};
        situation.state = StateName::protected_;
    }
    std::ranges::sort(situation.tunnels_up);
    for (const std::string& device : devices()) {
        if (dice.chance(20)) {
            situation.around.neighbours.push_back(
                {device, Prefix::of(random_address(dice, IpFamily::v6), 64)});
        }
    }
    return situation;
}

}  // namespace ks::test
