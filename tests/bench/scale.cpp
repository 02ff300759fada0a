// SPDX-License-Identifier: GPL-2.0-or-later
// A host with 10,000 local networks and 2,000 guests: how long until it is locked, and how soon the
// rules follow its tunnel.
#include "../netns/support/private_network.hpp"
#include "follower.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "policies.hpp"

#include <cstddef>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::test;

namespace {

constexpr int kNetworks = 10'000;
constexpr int kVeths = 2'000;

/// The same number for the same i, everywhere in 10.0.0.0/8 beyond `first`.
std::string network(int first, int i) {
    return fmt::format("10.{}.{}.1/{}", first + i / 250, i % 250, i % 2 == 0 ? 24 : 25);
}

const std::vector<std::string> kUplink{"link add eth0 type bridge", "link set eth0 up",
                                       "addr add 192.0.2.2/24 dev eth0",
                                       "route add default via 192.0.2.1 dev eth0"};

/// Pairs of which both ends stay here; those with an address are guests.
std::vector<std::string> veths(int count, bool with_addresses) {
    std::vector<std::string> lines;
    for (int i = 0; i < count; i += 2) {
        lines.push_back(fmt::format("link add veth{} type veth peer name veth{}", i, i + 1));
        for (const int end : {i, i + 1}) {
            if (with_addresses) {
                lines.push_back(fmt::format("addr add {} dev veth{}", network(100, end), end));
            }
            lines.push_back(fmt::format("link set veth{} up", end));
        }
    }
    return lines;
}

/// 10,000 networks on the uplink and 2,000 guests.
std::vector<std::string> crowd() {
    std::vector<std::string> lines = veths(kVeths, /*with_addresses=*/true);
    for (int i = 0; i < kNetworks; ++i) {
        lines.push_back(fmt::format("addr add {} dev eth0", network(0, i)));
    }
    return lines;
}

/// Of this process and what the kernel does for it: another load on the machine does not count.
double cpu_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void print(const std::string& what, double wall, double cpu) {
    fmt::print("{:<50} {:>11.1f} ms {:>11.1f} ms\n", what, wall / 1000, cpu / 1000);
}

void boot(const Policy& policy) {
    const double cpu = cpu_microseconds();
    const auto start = Clock::now();
    const Follower follower(policy);
    print("boot: from no table to the verified lock", microseconds(Clock::now() - start),
          cpu_microseconds() - cpu);
    std::size_t rules = 0;
    for (const Chain& chain : follower.wanted().chains) {
        rules += chain.rules.size();
    }
    fmt::print("  {} chains, {} rules, {} sets\n", follower.wanted().chains.size(), rules,
               follower.wanted().sets.size());
}

/// How long the next change takes.
void follow(Follower& follower, const char* what) {
    double cpu = cpu_microseconds();
    const auto heard = Clock::now();
    follower.follow();
    const double verified = microseconds(Clock::now() - heard);
    cpu = cpu_microseconds() - cpu;
    fmt::print("{:<50} {:>11.1f} ms\n", fmt::format("{}: acknowledged", what),
               microseconds(follower.acknowledged() - heard) / 1000);
    print(fmt::format("{}: verified", what), verified, cpu);
}

void measure(const char* title, const std::vector<std::string>& lines) {
    enter_private_network();
    fmt::print("\n{:<50} {:>14} {:>14}\n", title, "clock", "CPU");
    ip(kUplink);
    const Tun tunnel("wg0");
    ip({"link set wg0 down"});
    Policy policy = wireguard_policy();
    policy.lan.allow = true;
    {
        Follower follower(policy);
        ip(lines);
        follow(follower, "all appear");
        ip({"link set wg0 up"});
        follow(follower, "the tunnel is up");
        ip({"link set wg0 down"});
        follow(follower, "the tunnel is down");
    }
    must("nft flush ruleset");
    boot(policy);
}

}  // namespace

int main() {
    need_programs({"ip", "nft"});
    measure("10,000 networks on a link, 2,000 guests", crowd());
    measure("2,000 devices that may lead outside", veths(kVeths, /*with_addresses=*/false));
    return 0;
}
