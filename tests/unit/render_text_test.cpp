// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "policies.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ks;
using namespace ks::test;

namespace {

using Far = match::InSet::Far;

constexpr match::Family kV4{IpFamily::v4};
constexpr match::Family kV6{IpFamily::v6};
constexpr match::Protocol kTcp{proto::kTcp};
constexpr match::Protocol kIcmp{proto::kIcmp};
constexpr match::Protocol kIcmp6{proto::kIcmpv6};

std::string text(std::vector<Match> matches, TableFamily family = TableFamily::inet) {
    return render_text({std::move(matches), {}, Verdict::accept, {}, {}}, family);
}

SetKey key(SetKey::Of of, IpFamily family = IpFamily::v4, std::uint8_t length = 0) {
    return {family, of, length};
}

std::string lookup(const SetKey& key, Far far) {
    const std::string words = text({match::InSet{far, key, "s"}});
    return words.substr(0, words.rfind(' '));
}

}  // namespace

TEST_CASE("every match has nft's words, without those that others imply", "[render]") {
    struct Row {
        std::vector<Match> matches;
        const char* words;
    };
    const std::vector<Row> rows{
        {{}, ""},
        {{match::InInterface{"eth0"}}, "iifname \"eth0\" "},
        {{match::InInterface{"wg*", true}}, "iifname != \"wg*\" "},
        {{match::OutInterface{"eth0"}}, "oifname \"eth0\" "},
        {{match::OutInterface{"wg0", true}}, "oifname != \"wg0\" "},
        {{match::InLoopback{}}, "iif \"lo\" "},
        {{match::OutLoopback{}}, "oif \"lo\" "},
        {{kV4}, "meta nfproto ipv4 "},
        {{kV6}, "meta nfproto ipv6 "},
        {{kV4, match::OutInterface{"eth0"}}, "meta nfproto ipv4 oifname \"eth0\" "},
        {{kV4, kTcp}, "meta nfproto ipv4 meta l4proto tcp "},
        {{kTcp, match::User{7}}, "meta l4proto tcp meta skuid 7 "},
        {{kV4, match::Source{*Prefix::parse("10.0.0.0/8")}}, "ip saddr 10.0.0.0/8 "},
        {{kV6, match::Source{*Prefix::parse("::1")}}, "ip6 saddr ::1 "},
        {{kV4, match::Destination{*Prefix::parse("10.0.0.0/8")}}, "ip daddr 10.0.0.0/8 "},
        {{kV6, match::Destination{*Prefix::parse("::1")}}, "ip6 daddr ::1 "},
        {{kV4, kTcp, match::SourcePort{{1, 1}}}, "meta nfproto ipv4 tcp sport 1 "},
        {{kTcp, match::SourcePort{{1, 2}}, match::DestinationPort{{3, 3}}},
         "tcp sport 1-2 tcp dport 3 "},
        {{kTcp, match::TcpNotOpening{}}, "tcp flags & (syn | ack) != syn "},
        {{kIcmp, match::IcmpType{3}, match::IcmpCode{4}}, "icmp type 3 icmp code 4 "},
        {{kIcmp6, match::IcmpType{2}, match::IcmpCode{0}}, "icmpv6 type 2 icmpv6 code 0 "},
        {{kIcmp6, match::IcmpType{133}}, "icmpv6 type nd-router-solicit "},
        {{kIcmp6, match::IcmpType{134}}, "icmpv6 type nd-router-advert "},
        {{kIcmp6, match::IcmpType{135}}, "icmpv6 type nd-neighbor-solicit "},
        {{kIcmp6, match::IcmpType{136}}, "icmpv6 type nd-neighbor-advert "},
        {{match::InnerDestination{address("192.0.2.1")}}, "@th,192,32 0xc0000201 "},
        {{match::InnerDestination{address("2001:db8::1")}},
         "@th,256,128 0x20010db8000000000000000000000001 "},
        {{match::CtEstablished{}}, "ct state established,related "},
        {{match::CtReply{}}, "ct direction reply "},
        {{match::Translated{}}, "ct status dnat "},
        {{match::Protocol{proto::kTcp}, match::Translated{PortRange{80, 81}}},
         "meta l4proto tcp ct status dnat ct original proto-dst 80-81 "},
        {{match::ArpTarget{address("192.0.2.1")}}, "arp daddr ip 192.0.2.1 "},
        {{match::EtherType{0x806}}, "@ll,96,16 0x0806 "},
        {{match::EtherType{0x8100}, match::EtherType{0x806, /*tagged=*/true}},
         "@ll,96,16 0x8100 @ll,128,16 0x0806 "},
        {{match::SpanningTree{}}, "@ll,0,48 0x0180c2000000 @ll,112,16 0x4242 "},
        {{match::VlanId{20}, match::VlanId{4094, /*tagged=*/true}},
         "@ll,116,12 0x014 @ll,148,12 0xffe "},
        {{match::InKind{"tun"}, match::OutKind{"wireguard"}},
         "meta iifkind \"tun\" meta oifkind \"wireguard\" "},
        {{match::Carried{Carry::confined}, match::Carried{Carry::granted}},
         "meta priority & 8000:0 == 8000:0 meta priority & 4000:0 == 4000:0 "},
        {{match::Mark{0, ~0U, /*negated=*/true}}, "meta mark != 0x00000000 "},
        {{match::Mark{1, 0xf, /*negated=*/true}}, "meta mark & 0x0000000f != 0x00000001 "},
        {{kV4, match::LaterFragment{IpFamily::v4}}, "ip frag-off & 0x1fff != 0 "},
        {{kV6, match::LaterFragment{IpFamily::v6}}, "frag frag-off != 0 "},
        {{kV6, match::HopLimit{255}}, "ip6 hoplimit 255 "},
        {{match::Mark{0xca6c}}, "meta mark 0x0000ca6c "},
        {{match::Mark{1, 0xff}}, "meta mark & 0x000000ff == 0x00000001 "},
        {{match::User{1000}}, "meta skuid 1000 "},
        {{match::Group{1001}}, "meta skgid 1001 "},
        {{match::Cgroup{"a", 1}}, "socket cgroupv2 level 1 \"a\" "},
        {{match::Cgroup{"a/b", 1}}, "socket cgroupv2 level 2 \"a/b\" "},
        {{match::ToEncrypt{}}, "rt ipsec exists "},
        {{match::Decrypted{}}, "meta ipsec exists "},
        {{kV4, match::InSet{Far::destination, key(SetKey::Of::address), "s"}}, "ip daddr @s "},
        {{kV4, match::InSet{Far::destination, key(SetKey::Of::interface), "s"}},
         "meta nfproto ipv4 oifname @s "},
    };
    for (const Row& row : rows) {
        CHECK(text(row.matches) == std::string(row.words) + "accept");
    }
    CHECK(text({kV4}, TableFamily::netdev) == "meta protocol ip accept");
    CHECK(text({kV6}, TableFamily::netdev) == "meta protocol ip6 accept");
}

TEST_CASE("a set is looked up by what its key consists of", "[render]") {
    using Of = SetKey::Of;
    CHECK(lookup(key(Of::address), Far::destination) == "ip daddr @s");
    CHECK(lookup(key(Of::address, IpFamily::v6), Far::source) == "ip6 saddr @s");
    CHECK(lookup(key(Of::endpoint), Far::destination) == "ip daddr . meta l4proto . th dport @s");
    CHECK(lookup(key(Of::endpoint), Far::source) == "ip saddr . meta l4proto . th sport @s");
    CHECK(lookup(key(Of::network, IpFamily::v4, 24), Far::destination) ==
          "ip daddr & 255.255.255.0 @s");
    CHECK(lookup(key(Of::network, IpFamily::v4, 32), Far::destination) == "ip daddr @s");
    CHECK(lookup(key(Of::answer), Far::source) == "ip saddr . udp sport . udp dport @s");
    CHECK(lookup(key(Of::answer, IpFamily::v6), Far::destination) ==
          "ip6 daddr . udp dport . udp sport @s");
    CHECK(lookup(key(Of::interface), Far::destination) == "oifname @s");
    CHECK(lookup(key(Of::interface), Far::source) == "iifname @s");
    CHECK(lookup(key(Of::link_network, IpFamily::v6, 64), Far::source) ==
          "iifname . ip6 saddr & ffff:ffff:ffff:ffff:: @s");
}

TEST_CASE("every verdict has nft's words, behind the counter and before the comment", "[render]") {
    const auto words = [](Rule rule) { return render_text(rule, TableFamily::inet); };
    CHECK(words({{}, {}, Verdict::accept, {}, {}}) == "accept");
    CHECK(words({{}, {}, Verdict::drop, {}, "why"}) == "drop comment \"why\"");
    CHECK(words({{}, "n", Verdict::reject, {}, {}}) ==
          "counter name \"n\" reject with icmpx admin-prohibited");
    CHECK(words({{}, {}, Verdict::reject_tcp, {}, {}}) == "reject with tcp reset");
    CHECK(words({{}, {}, Verdict::jump, "refuse", {}}) == "jump refuse");
}

TEST_CASE("tables come with what they need, base chains with policy drop", "[render]") {
    using Of = SetKey::Of;
    const auto uses = [](const SetKey& key, const char* set) {
        return Rule{{match::InSet{Far::destination, key, set}}, {}, Verdict::accept, {}, {}};
    };
    const SetKey hosts = key(Of::address);
    const SetKey servers = key(Of::endpoint, IpFamily::v6);
    const SetKey networks = key(Of::network, IpFamily::v4, 24);
    const SetKey links = key(Of::interface);
    const SetKey places = key(Of::link_network, IpFamily::v4, 24);
    const Prefix network = *Prefix::parse("192.0.2.0/24");
    const Ruleset rules{
        {"uplink"},
        {{"a", hosts, {{address("192.0.2.1"), 0, 0}, {address("192.0.2.2"), 0, 0}}},
         {"b", servers, {udp("2001:db8::7", 1194)}},
         {"c", networks, {}, {{{}, network}}},
         {"d", links, {}, {{"eth0", {}}}},
         {"e", places, {}, {{"eth0", network}}}},
        {{"output", Hook::output, {uses(hosts, "a"), uses(servers, "b"), uses(links, "d")}},
         {"more", std::nullopt, {uses(places, "e")}},
         {"egress_eth0",
          Hook::egress,
          {uses(networks, "c"), {{}, "raw", Verdict::drop, {}, {}}},
          Device{"eth0", 2}}}};

    CHECK(render_text(rules) == R"(table inet killswitchd
flush table inet killswitchd

table inet killswitchd {
	counter uplink {
	}

	set a {
		type ipv4_addr
		elements = { 192.0.2.1,
			     192.0.2.2 }
	}

	set b {
		type ipv6_addr . inet_proto . inet_service
		elements = { 2001:db8::7 . udp . 1194 }
	}

	set d {
		type ifname
		elements = { "eth0" }
	}

	set e {
		type ifname . ipv4_addr
		elements = { "eth0" . 192.0.2.0 }
	}

	chain output {
		type filter hook output priority 300; policy drop;
		ip daddr @a accept
		ip6 daddr . meta l4proto . th dport @b accept
		oifname @d accept
	}

	chain more {
		oifname . ip daddr & 255.255.255.0 @e accept
	}
}

table netdev killswitchd
flush table netdev killswitchd

table netdev killswitchd {
	counter raw {
	}

	set c {
		type ipv4_addr
		elements = { 192.0.2.0 }
	}

	chain egress_eth0 {
		type filter hook egress device "eth0" priority 300; policy drop;
		ip daddr & 255.255.255.0 @c accept
		counter name "raw" drop
	}
}
)");
}
