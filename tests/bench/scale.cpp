// SPDX-License-Identifier: GPL-2.0-or-later
// A host with 10,000 local networks and 2,000 guests: how long until it is locked, and how soon the
// rules follow its tunnel. And 10,000 servers of a VPN: how long they take to load, to change, and
// what they cost a packet.
#include "../netns/support/private_network.hpp"
#include "../netns/support/table.hpp"
#include "follower.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/step.hpp"
#include "policies.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

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

constexpr int kServers = 10'000;
constexpr std::uint32_t kMark = 0xca6c;

/// Another one for every i up to 62,500.
Endpoint server(int i) {
    return {*IpAddress::parse(fmt::format("198.{}.{}.7", 18 + i / 250, i % 250)), proto::kUdp,
            51820};
}

Policy with_servers(int count) {
    Policy policy = wireguard_policy();
    policy.tunnels.front().endpoints.clear();
    for (int i = 0; i < count; ++i) {
        policy.tunnels.front().endpoints.push_back(server(i));
    }
    return policy;
}

/// How long a datagram to `to` takes, which the rules let pass.
double nanoseconds_a_packet(const Endpoint& to) {
    constexpr int kPackets = 20'000;
    const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &kMark, sizeof kMark);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(to.port);
    std::memcpy(&place.sin_addr, to.address.bytes.data(), sizeof place.sin_addr);
    const auto start = Clock::now();
    for (int i = 0; i < kPackets; ++i) {
        if (::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&place),
                     sizeof place) != 1) {
            throw std::runtime_error("the server may not be reached");
        }
    }
    return microseconds(Clock::now() - start) * 1000 / kPackets;
}

/// The quickest of some rounds, of one and of all servers in turn.
void compare_packets(const Ruleset& one, const Ruleset& all) {
    constexpr int kRounds = 10;
    Nftables nftables = open_nftables(Ownership::automatic);
    double best_of_one = 1e9;
    double best_of_all = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        require(nftables.apply(one));
        best_of_one = std::min(best_of_one, nanoseconds_a_packet(server(0)));
        require(nftables.apply(all));
        best_of_all = std::min(best_of_all, nanoseconds_a_packet(server(kServers - 1)));
    }
    fmt::print("{:<50} {:>11.0f} ns\n", "a packet to the only server", best_of_one);
    fmt::print("{:<50} {:>11.0f} ns\n", "a packet to the last of all servers", best_of_all);
}

/// A provider's whole list: how long it takes to load, to change, and to pass.
void measure_servers() {
    enter_private_network();
    fmt::print("\n{:<50} {:>14} {:>14}\n", "10,000 endpoints", "clock", "CPU");
    ip(kUplink);
    ip({"neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0"});
    boot(with_servers(kServers));
    must("nft flush ruleset");
    const Ruleset one = Follower(with_servers(1)).wanted();
    must("nft flush ruleset");
    Ruleset all;
    {  // The table is the follower's while it lives.
        Follower follower(with_servers(kServers));
        all = follower.wanted();
        std::vector<double> times;
        constexpr int kChanges = 21;
        const double cpu = cpu_microseconds();
        for (int i = 0; i < kChanges; ++i) {
            const KnownEndpoint news{server(kServers + i), EndpointSource::automatic};
            const auto start = Clock::now();
            follower.handle(EndpointsChanged{EndpointSource::automatic, {{"home", {news}}}});
            times.push_back(microseconds(Clock::now() - start));
        }
        print("one more takes the place of another: verified", median(times),
              (cpu_microseconds() - cpu) / kChanges);
    }
    compare_packets(one, all);
}

}  // namespace

int main() {
    need_programs({"ip", "nft"});
    measure("10,000 networks on a link, 2,000 guests", crowd());
    measure("2,000 devices that may lead outside", veths(kVeths, /*with_addresses=*/false));
    measure_servers();
    return 0;
}
