// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/name_book.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace std::chrono_literals;

namespace {

using Wall = std::chrono::system_clock::time_point;

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

NameMoment at(std::chrono::seconds passed) {
    return {Wall(1'700'000'000s) + passed, 1000s + passed};
}

std::vector<std::string> addresses(const KnownName& name) {
    std::vector<std::string> all;
    for (const KnownAddress& known : name.addresses) {
        all.push_back(known.address.str());
    }
    return all;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("host names are whole names of the DNS, in one spelling", "[names]") {
    CHECK(*parse_host_name("VPN.Example.net.") == "vpn.example.net");
    CHECK(*parse_host_name("a-1.b_2.example") == "a-1.b_2.example");
    CHECK(NamedEndpoint{"vpn.example.net", proto::kUdp, 1194}.str() == "vpn.example.net:1194/udp");
    CHECK(NamedEndpoint{"vpn.example.net", proto::kEsp, 0}.str() == "vpn.example.net/esp");
    for (const char* const wrong :
         {"", ".", "vpn", "a..b", ".a.b", "-a.b", "a-.b", "a b.c", "1.2.3", "203.0.113.256",
          "a.b\n", "a.\xc3\xa4.net", "a.b/c", "a.b:1"}) {
        INFO(wrong);
        CHECK_FALSE(parse_host_name(wrong));
    }
    CHECK(parse_host_name(std::string(63, 'a') + ".net"));
    CHECK_FALSE(parse_host_name(std::string(64, 'a') + ".net"));
    std::string longest;
    while (longest.size() < 252) {
        longest += "a.";
    }
    CHECK(parse_host_name(longest + "a"));
    CHECK_FALSE(parse_host_name(longest + "ab"));
}

TEST_CASE("an answer counts as far as it names servers of the internet", "[names][fail-closed]") {
    const std::vector<IpAddress> asked{ip("9.9.9.9"), ip("2620:fe::fe")};
    const Vetted vetted = vet({ip("203.0.113.7"), ip("127.0.0.1"), ip("10.0.0.1"), ip("172.16.0.1"),
                               ip("192.168.1.1"), ip("169.254.1.1"), ip("0.0.0.0"), ip("224.0.0.1"),
                               ip("255.255.255.255"), ip("9.9.9.9"), ip("2620:fe::fe"), ip("::1"),
                               ip("::"), ip("fe80::1"), ip("fd00::1"), ip("ff02::1"),
                               ip("::ffff:203.0.113.9"), ip("2001:db8::7"), ip("203.0.113.7")},
                              asked);
    CHECK(vetted.addresses == std::vector<IpAddress>{ip("203.0.113.7"), ip("2001:db8::7")});
    CHECK(vetted.refused.size() == 16);
    CHECK(vetted.refused.front() == "127.0.0.1 is a loopback address");
}

TEST_CASE("a name is due when its time to live ends, within limits", "[names]") {
    const auto [ttl, pace, due] = GENERATE(table<std::chrono::seconds, Pace, std::chrono::seconds>({
        {0s, Pace::needed, 30s},
        {29s, Pace::needed, 30s},
        {300s, Pace::needed, 300s},
        {1'000'000s, Pace::needed, 86'400s},
        {300s, Pace::idle, 3600s},
        {7200s, Pace::idle, 7200s},
    }));
    KnownName name;
    note_answer(name, {ip("203.0.113.7")}, ttl, at(0s), pace, InUse::no);
    CHECK(name.due == at(due).since_boot);
}

TEST_CASE("failures keep what is known, back off and never give up", "[names][fail-closed]") {
    KnownName name;
    note_answer(name, {ip("203.0.113.7")}, 60s, at(0s), Pace::needed, InUse::no);
    for (const auto delay : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        note_failure(name, "no server answered", at(100s), Pace::needed);
        CHECK(name.due == at(100s + delay).since_boot);
    }
    CHECK(addresses(name) == Lines{"203.0.113.7"});
    CHECK(name.problem == "no server answered");
    note_failure(name, "no server answered", at(100s), Pace::idle);
    CHECK(name.due == at(3700s).since_boot);
    note_answer(name, {ip("203.0.113.8")}, 60s, at(200s), Pace::needed, InUse::no);
    CHECK(name.failures == 0);
    CHECK(name.problem.empty());
}

TEST_CASE("an address that is no longer named lingers, and stays while it may be in use",
          "[names][fail-closed]") {
    const InUse in_use = GENERATE(InUse::no, InUse::yes);
    KnownName name;
    note_answer(name, {ip("203.0.113.7")}, 60s, at(0s), Pace::needed, in_use);
    note_answer(name, {ip("203.0.113.9"), ip("203.0.113.8")}, 60s, at(600s), Pace::needed, in_use);
    CHECK(addresses(name) == Lines{"203.0.113.8", "203.0.113.9", "203.0.113.7"});
    note_answer(name, {ip("203.0.113.9")}, 60s, at(601s), Pace::needed, in_use);
    CHECK(addresses(name) == (in_use == InUse::yes
                                  ? Lines{"203.0.113.9", "203.0.113.8", "203.0.113.7"}
                                  : Lines{"203.0.113.9", "203.0.113.8"}));
}

TEST_CASE("the newest answer comes first, also after the clock was set back", "[names]") {
    KnownName name;
    note_answer(name, {ip("203.0.113.7")}, 60s, at(1'000'000s), Pace::needed, InUse::no);
    note_answer(name, {ip("203.0.113.8")}, 60s, at(5s), Pace::needed, InUse::no);
    CHECK(addresses(name) == Lines{"203.0.113.8", "203.0.113.7"});
    note_answer(name, {ip("203.0.113.8")}, 60s, at(1'000'005s), Pace::needed, InUse::no);
    CHECK(addresses(name) == Lines{"203.0.113.8"});
}

TEST_CASE("a name has so many addresses and no more; none in use is taken away", "[names]") {
    const InUse in_use = GENERATE(InUse::no, InUse::yes);
    KnownName name;
    for (int i = 0; i < 100; ++i) {
        const std::string text = "203.0.113." + std::to_string(i);
        note_answer(name, {ip(text.c_str())}, 60s, at(std::chrono::seconds(i)), Pace::needed,
                    in_use);
    }
    CHECK(name.addresses.size() == kMaxAddressesOfName);
    const bool newest = name.addresses.front().address == ip("203.0.113.99");
    CHECK(newest == (in_use == InUse::no));
}

TEST_CASE("what is needed now is due now, but not again and again", "[names]") {
    NameBook book;
    keep_names(book, {"a.example", "b.example", "c.example"});
    note_answer(book["a.example"], {ip("203.0.113.7")}, 3600s, at(0s), Pace::needed, InUse::no);
    note_answer(book["b.example"], {ip("203.0.113.7")}, 3600s, at(9s), Pace::needed, InUse::no);
    note_failure(book["c.example"], "why", at(9s), Pace::needed);
    hurry(book, at(10s));
    CHECK(book["a.example"].due == at(10s).since_boot);
    CHECK(book["b.example"].due == at(12s).since_boot);
    CHECK(book["c.example"].due == at(10s).since_boot);
    CHECK(next_due(book) == at(10s).since_boot);
    keep_names(book, {"b.example"});
    CHECK(next_due(book) == at(12s).since_boot);
    CHECK(next_due({}) == std::nullopt);
}

TEST_CASE("every address of a name is an endpoint, with where it is from", "[names]") {
    NameBook book;
    note_answer(book["vpn.example.net"], {ip("203.0.113.7"), ip("2001:db8::7")}, 60s, at(0s),
                Pace::needed, InUse::no);
    std::vector<KnownEndpoint> known;
    add_named(known, {"vpn.example.net", proto::kTcp, 443}, book, "vpn.example.net");
    add_named(known, {"other.example", proto::kTcp, 443}, book, "other.example");
    REQUIRE(known.size() == 2);
    CHECK(known[0].endpoint.str() == "203.0.113.7:443/tcp");
    CHECK(known[1].endpoint.str() == "[2001:db8::7]:443/tcp");
    CHECK(known[0].learned == at(0s).wall);
    CHECK(provenance(known[0]) == "dns: vpn.example.net");
}

namespace {

constexpr std::uint32_t kAsker = 991;

Policy asking_policy() {
    Policy policy;
    policy.mode = Mode::always;
    policy.bootstrap.servers = {ip("9.9.9.9")};
    policy.bootstrap.user = kAsker;
    return policy;
}

PacketView question(const char* server = "9.9.9.9") {
    PacketView packet;
    packet.hook = Hook::output;
    packet.out_interface = "eth0";
    packet.source = ip("192.0.2.2");
    packet.destination = ip(server);
    packet.protocol = proto::kUdp;
    packet.destination_port = 53;
    packet.uid = kAsker;
    return packet;
}

bool passes(const Policy& policy, const Situation& situation, const PacketView& packet) {
    return evaluate(*compile(policy, situation), packet).verdict == Verdict::accept;
}

Situation state(StateName name) {
    Situation situation;
    situation.state = name;
    if (name == StateName::protected_) {
        situation.tunnels_up = {{"wg0", ""}};
    }
    return situation;
}

}  // namespace

TEST_CASE("the resolver asks its servers while no tunnel is up, and nobody else does",
          "[names][fail-closed]") {
    const Policy policy = asking_policy();
    const Situation locked = state(StateName::locked);
    REQUIRE(passes(policy, locked, question()));

    PacketView packet = question();
    packet.protocol = proto::kTcp;
    CHECK(passes(policy, locked, packet));
    packet.destination_port = 853;
    CHECK_FALSE(passes(policy, locked, packet));
    packet = question();
    packet.destination_port = 443;
    CHECK_FALSE(passes(policy, locked, packet));
    packet = question();
    packet.uid = 0;
    CHECK_FALSE(passes(policy, locked, packet));
    packet.uid.reset();
    CHECK_FALSE(passes(policy, locked, packet));
    CHECK_FALSE(passes(policy, locked, question("9.9.9.10")));
    CHECK_FALSE(passes(policy, state(StateName::protected_), question()));
    CHECK_FALSE(passes(policy, state(StateName::panic), question()));
    Policy nobody = policy;
    nobody.bootstrap = {};
    CHECK_FALSE(passes(nobody, locked, question()));
}

TEST_CASE("in a tunnel the resolver asks its servers beside the listed ones",
          "[names][fail-closed]") {
    Policy policy = asking_policy();
    policy.dns_servers = {ip("10.2.0.1")};
    const Situation up = state(StateName::protected_);
    PacketView packet = question();
    packet.out_interface = "wg0";
    CHECK(passes(policy, up, packet));
    packet.uid = 0;
    CHECK_FALSE(passes(policy, up, packet));
    packet = question("9.9.9.10");
    packet.out_interface = "wg0";
    CHECK_FALSE(passes(policy, up, packet));
}

TEST_CASE("only answers of the resolver's servers come in", "[names][fail-closed]") {
    const Policy policy = asking_policy();
    PacketView packet = question();
    packet.hook = Hook::input;
    packet.in_interface = "eth0";
    packet.out_interface.clear();
    packet.uid.reset();
    packet.source = ip("9.9.9.9");
    packet.destination = ip("192.0.2.2");
    packet.source_port = 53;
    packet.destination_port = 40000;
    CHECK(passes(policy, state(StateName::locked), packet));
    CHECK_FALSE(passes(policy, state(StateName::protected_), packet));
    packet.source = ip("9.9.9.10");
    CHECK_FALSE(passes(policy, state(StateName::locked), packet));
    packet = question();
    packet.hook = Hook::input;
    packet.in_interface = "eth0";
    packet.source = ip("9.9.9.9");
    packet.source_port = 53;
    packet.protocol = proto::kTcp;
    packet.tcp_opening = true;
    CHECK_FALSE(passes(policy, state(StateName::locked), packet));
    packet.tcp_opening = false;
    CHECK(passes(policy, state(StateName::locked), packet));
}
