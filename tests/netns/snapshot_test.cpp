// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "support/private_network.hpp"
#include "support/table.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <thread>

#include <sched.h>

namespace {

using namespace ks;
using namespace ks::test;

constexpr int kReads = 500;

/// Two rulesets that differ in rules, chains and sets.
Ruleset with_set(const char* name) {
    Ruleset rules = example_rules(StateName::locked);
    const SetKey key{IpFamily::v4, SetKey::Of::address};
    rules.sets.push_back({name, key, {{*IpAddress::parse("192.0.2.1"), 0, 0}}});
    rules.chains.push_back({std::string("chain_") + name, std::nullopt, {}});
    for (Chain& chain : rules.chains) {
        chain.rules.insert(
            chain.rules.begin(),
            {{match::Family{IpFamily::v4}, match::InSet{match::InSet::Far::destination, key, name}},
             {},
             Verdict::drop,
             {},
             {}});
    }
    return rules;
}

/// So that the reader also comes when the writer was stopped in the middle of a commit.
void share_one_processor() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
}

}  // namespace

TEST_CASE("a picture that the kernel changed meanwhile is taken again, never of two generations",
          "[nftables][fail-closed]") {
    enter_private_network();
    share_one_processor();
    const Ruleset first = with_set("first");
    const Ruleset second = with_set("second");
    Nftables writer = open_nftables(Ownership::off);
    Nftables reader = open_nftables(Ownership::off);
    require(writer.apply(first));
    std::atomic<bool> done = false;
    std::atomic<int> commits = 0;
    std::thread changing([&] {  // Catch2's macros are for one thread.
        while (!done) {
            commits += writer.apply(second) ? 1 : 0;
            commits += writer.apply(first) ? 1 : 0;
        }
    });
    int mixed = 0;
    int seen = 0;
    int disturbed = 0;
    int other = 0;
    for (int i = 0; i < kReads; ++i) {
        const auto tables = reader.read();
        if (!tables) {
            const bool moved =
                tables.error().sys_errno == EINTR || tables.error().sys_errno == ENOENT;
            ++(moved ? disturbed : other);
            continue;
        }
        ++seen;
        const bool whole =
            differences(first, *tables).empty() || differences(second, *tables).empty();
        mixed += whole ? 0 : 1;
    }
    done = true;
    changing.join();

    INFO(seen << " seen, " << disturbed << " disturbed, " << commits << " commits");
    CHECK(mixed == 0);
    CHECK(other == 0);
    CHECK(seen > 0);
    CHECK(commits > 0);
}
