// SPDX-License-Identifier: GPL-2.0-or-later
// What the lock costs, beside the ways that others go. Everything is measured in turn, round by
// round, in one private network, so that a noisy machine disturbs all alike. Prints tables.
#include "../netns/support/private_network.hpp"
#include "../netns/support/table.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "policies.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace ks;
using namespace ks::test;

namespace {

using Clock = std::chrono::steady_clock;

struct Contender {
    std::string name;
    std::function<void()> prepare;  ///< Not measured.
    std::function<void()> run;
    std::vector<double> microseconds = {};
};

/// Of many rounds the quickest one says most: other work on the machine only ever adds.
double quickest(const Contender& contender) {
    return *std::ranges::min_element(contender.microseconds);
}

void measure(std::vector<Contender>& contenders, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        for (Contender& contender : contenders) {
            contender.prepare();
            const auto start = Clock::now();
            contender.run();
            contender.microseconds.push_back(
                std::chrono::duration<double, std::micro>(Clock::now() - start).count());
        }
    }
}

/// \param per     How many things one run does.
/// \param unit    Of one thing, in microseconds times `scale`.
void print(const std::string& title, const std::vector<Contender>& contenders, double per,
           const char* unit, double scale) {
    const double first = quickest(contenders.front());
    fmt::print("\n{}\n{:<50} {:>14} {:>8}\n", title, "", unit, "ratio");
    for (const Contender& contender : contenders) {
        const double value = quickest(contender);
        fmt::print("{:<50} {:>14.2f} {:>8.2f}\n", contender.name, value / per * scale,
                   value / first);
    }
}

/// The rules of the first configuration of README.md.
Ruleset rules(StateName state) {
    const bool up = state == StateName::protected_;
    const Policy policy = wireguard_policy();
    return *compile(
        policy, situation_of(policy, state,
                             up ? std::vector<std::string>{"wg0"} : std::vector<std::string>{}));
}

void load(const std::string& text) {
    if (const Output done = run_with_input("nft -f -", text); done.status != 0) {
        throw std::runtime_error(done.text);
    }
}

void compare_changes() {
    Nftables nftables = open_nftables(Ownership::off);
    const Ruleset locked = rules(StateName::locked);
    const Ruleset open = rules(StateName::protected_);
    const auto lock = [&] { require(nftables.apply(locked)); };
    std::vector<Contender> contenders{
        {"killswitchd: change, read back, compare", lock, [&] { require(nftables.apply(open)); }},
        {"killswitchd: nothing to change, proven", lock, [&] { require(nftables.apply(locked)); }},
        {"nft -f with delete and create, as scripts do", lock,
         [&] { load("delete table inet killswitchd\n" + render_text(open)); }},
    };
    measure(contenders, 50);
    print("A change from locked to protected", contenders, 1, "us", 1);
    must("nft flush ruleset");
}

constexpr int kPackets = 5'000;

/// Sends `kPackets` datagrams into the tunnel.
void send_packets(int fd) {
    const std::array<char, 64> payload{};
    for (int i = 0; i < kPackets; ++i) {
        static_cast<void>(::send(fd, payload.data(), payload.size(), 0));
    }
}

std::string peer(const std::string& rules) {
    return "table inet peer {\nchain output {\ntype filter hook output priority 0; policy drop;\n" +
           rules + "}\n}\n";
}

/// The shape of a generated firewall: exceptions first, the tunnel last.
std::string long_list(int rules) {
    std::string text;
    for (int i = 1; i <= rules; ++i) {
        text += fmt::format("ip daddr 203.0.113.{} udp dport 51820 accept\n", i);
    }
    return peer(text + "oifname \"wg0\" accept\n");
}

void compare_packets() {
    const Tun tunnel("wg0");  // Nobody reads: what is too much is dropped behind the rules.
    ip({"addr add 10.9.0.2/24 dev wg0"});
    const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = htonl(0x0a090001);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        throw std::runtime_error("cannot connect a datagram socket");
    }
    const auto flush = [] { must("nft flush ruleset"); };
    const auto with = [&](const std::string& text) {
        return [=] {
            flush();
            load(text);
        };
    };
    const auto send = [&] { send_packets(socket.get()); };
    std::vector<Contender> contenders{
        {"no rules", flush, send},
        {"killswitchd, protected", with(render_text(rules(StateName::protected_))), send},
        {"established first, then the tunnel (conntrack)",
         with(peer("ct state established,related accept\noifname \"wg0\" accept\n")), send},
        {"a list of 50 servers before the tunnel", with(long_list(50)), send},
    };
    measure(contenders, 61);
    print("A packet into the tunnel", contenders, kPackets, "ns", 1000);
    flush();
}

/// A datagram socket that sends to `address`, marked as the VPN's own.
Fd sender_to(std::uint32_t address, std::uint16_t port) {
    Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const std::uint32_t mark = 0xca6c;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(address);
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0 ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        throw std::runtime_error("cannot connect a datagram socket");
    }
    return socket;
}

/// The rules of a state, with those at the devices as the kernel takes them.
Ruleset rules_with_devices(RawSupport raw) {
    const Policy policy = wireguard_policy();
    Situation situation = situation_of(policy, StateName::protected_);
    situation.tunnels_up = {{"wg0", "tun"}};
    situation.raw_support = raw;
    situation.around.uplinks = {{"up0", 0, {}}};
    return *compile(policy, situation);
}

/// What the second layer adds: a packet into the tunnel passes it at the tunnel's device, and the
/// VPN's own packet at the card.
void compare_devices() {
    const Tun tunnel("wg0");
    const Tun card("up0");  // Nobody reads: what is too much is dropped behind the rules.
    ip({"addr add 10.9.0.2/24 dev wg0", "addr add 203.0.113.1/24 dev up0"});
    const Fd inside = sender_to(0x0a090001, 9);
    const Fd outside = sender_to(0xcb007107, 51820);
    Nftables nftables = open_nftables(Ownership::off);
    const auto with = [&](RawSupport raw) {
        return [&nftables, raw] { require(nftables.apply(rules_with_devices(raw))); };
    };
    const auto contenders = [&](const Fd& socket) {
        const auto send = [&socket] { send_packets(socket.get()); };
        std::vector<Contender> all{
            {"no rules", [&] { require(nftables.remove()); }, send},
            {"without rules at devices", with(RawSupport::kernel_cannot), send},
            {"one chain for each card", with(RawSupport::kernel_can), send},
        };
        if (nftables.raw_support() == RawSupport::every_device) {
            all.push_back({"one chain for every device", with(RawSupport::every_device), send});
        }
        return all;
    };
    for (const auto& [title, socket] :
         {std::pair<const char*, const Fd*>{"A packet into the tunnel, by the second layer",
                                            &inside},
          {"The VPN's own packet, by the second layer", &outside}}) {
        std::vector<Contender> all = contenders(*socket);
        measure(all, 61);
        print(title, all, kPackets, "ns", 1000);
    }
    require(nftables.remove());
}

}  // namespace

int main() {
    need_programs({"nft", "ip"});
    enter_private_network();
    compare_changes();
    compare_packets();
    compare_devices();
    return 0;
}
