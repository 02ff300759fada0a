// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/ruleset.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace ks;

namespace {

using Far = match::InSet::Far;

const SetKey kHosts{IpFamily::v4, SetKey::Of::address};

Rule naming(const char* set) {
    return {{match::Family{}, match::InSet{Far::destination, kHosts, set}},
            {},
            Verdict::accept,
            {},
            {}};
}

Rule counting(const char* counter) {
    return {{}, counter, Verdict::drop, {}, {}};
}

Ruleset copy_of(const TablePart& part) {
    Ruleset copy;
    copy.counters.assign(part.counters.begin(), part.counters.end());
    for (const Set* const set : part.sets) {
        copy.sets.push_back(*set);
    }
    for (const Chain* const chain : part.chains) {
        copy.chains.push_back(*chain);
    }
    return copy;
}

}  // namespace

TEST_CASE("a family's table has its chains, and the sets and counters that they name",
          "[ruleset]") {
    const Chain output{"output", Hook::output, {naming("a"), counting("uplink")}};
    const Chain plain{"refuse", std::nullopt, {naming("b")}};
    const Chain arp{"arp_input", Hook::arp_input, {counting("spoof"), counting("spoof")}};
    const Chain egress{"egress_eth0",
                       Hook::egress,
                       {counting(""), naming("b"), naming("c"), counting("raw"), counting("raw")},
                       Device{"eth0", 2}};
    const Set a{"a", kHosts, {}};
    const Set b{"b", kHosts, {}};
    const Set c{"c", kHosts, {}};
    const Ruleset all{
        {"uplink", "dns"}, {a, b, c, {"d", kHosts, {}}}, {output, plain, arp, egress}};

    CHECK(copy_of(part_of(all, TableFamily::inet)) ==
          Ruleset{{"uplink", "dns"}, {a, b}, {output, plain}});
    CHECK(copy_of(part_of(all, TableFamily::arp)) == Ruleset{{"spoof"}, {}, {arp}});
    CHECK(copy_of(part_of(all, TableFamily::netdev)) == Ruleset{{"raw"}, {b, c}, {egress}});
}

TEST_CASE("hooks and families have nft's words", "[ruleset]") {
    using Words = std::vector<std::string_view>;
    CHECK(Words{word(Hook::input), word(Hook::forward), word(Hook::output), word(Hook::arp_input),
                word(Hook::egress)} == Words{"input", "forward", "output", "input", "egress"});
    CHECK(Words{word(TableFamily::inet), word(TableFamily::arp), word(TableFamily::netdev)} ==
          Words{"inet", "arp", "netdev"});
}
