// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/expected_table.hpp"

#include "killswitchd/live_table.hpp"
#include "killswitchd/net.hpp"
#include "objects.hpp"
#include "plan.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace ks {

namespace {

Result<LiveTable> expected_part(const Ruleset& ruleset, TableFamily family) {
    LiveTable table;
    table.family = family;
    for (const Chain& chain : ruleset.chains) {
        const NftChain made = make_chain(chain);
        if (!made) {
            return Error{"out of memory", ENOMEM};
        }
        LiveChain live{chain.name, describe_base(made.get(), family), {}};
        for (const Rule& rule : chain.rules) {
            const NftRule encoded = make_rule(chain.name, rule, family);
            if (!encoded) {
                return Error{"out of memory", ENOMEM};
            }
            live.rules.push_back({describe_expressions(encoded.get()), comment_of(encoded.get())});
        }
        table.chains.push_back(std::move(live));
    }
    for (const Set& set : ruleset.sets) {
        const NftSet made = make_set(set);
        if (!made) {
            return Error{"out of memory", ENOMEM};
        }
        LiveSet live{set.name, describe_key(made.get()), {}};
        for (const Endpoint& element : set.elements) {
            live.elements.push_back(element_key(element, set.key));
        }
        std::ranges::sort(live.elements);
        table.sets.push_back(std::move(live));
    }
    for (const std::string& counter : ruleset.counters) {
        table.counters[counter] = {};
    }
    std::ranges::sort(table.chains, {}, &LiveChain::name);
    std::ranges::sort(table.sets, {}, &LiveSet::name);
    return table;
}

}  // namespace

Result<LiveTable> expected_table(const Ruleset& ruleset) {
    auto table = expected_part(part_of(ruleset, TableFamily::inet), TableFamily::inet);
    if (!table) {
        return table;
    }
    for (const TableFamily family : {TableFamily::arp, TableFamily::netdev}) {
        const Ruleset part = part_of(ruleset, family);
        if (part.chains.empty()) {
            continue;
        }
        auto beside = expected_part(part, family);
        if (!beside) {
            return beside;
        }
        table->beside.push_back(*std::move(beside));
    }
    return table;
}

}  // namespace ks
