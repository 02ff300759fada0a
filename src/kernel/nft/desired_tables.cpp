// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/desired_tables.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/observed_tables.hpp"
#include "objects.hpp"
#include "plan.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ks {

namespace {

Result<ObservedTable> desired_part(const Ruleset& ruleset, TableFamily family) {
    ObservedTable table;
    for (const Chain& chain : ruleset.chains) {
        const NftChain made = make_chain(chain);
        if (!made) {
            return Error{"out of memory", ENOMEM};
        }
        ObservedChain observed{chain.name, describe_base(made.get(), family), {}};
        for (const Rule& rule : chain.rules) {
            const NftRule encoded = make_rule(chain.name, rule, family);
            if (!encoded) {
                return Error{"out of memory", ENOMEM};
            }
            observed.rules.push_back(
                {describe_expressions(encoded.get()), comment_of(encoded.get())});
        }
        table.chains.push_back(std::move(observed));
    }
    for (const Set& set : ruleset.sets) {
        const NftSet made = make_set(set);
        if (!made) {
            return Error{"out of memory", ENOMEM};
        }
        table.sets.push_back({set.name, describe_key(made.get()), element_keys(set)});
    }
    for (const std::string& counter : ruleset.counters) {
        table.counters[counter] = {};
    }
    std::ranges::sort(table.chains, {}, &ObservedChain::name);
    std::ranges::sort(table.sets, {}, &ObservedSet::name);
    return table;
}

}  // namespace

Result<ObservedTables> desired_tables(const Ruleset& ruleset) {
    ObservedTables tables;
    for (const TableFamily family : kFamilies) {
        const Ruleset part = part_of(ruleset, family);
        if (part.chains.empty()) {
            continue;
        }
        auto table = desired_part(part, family);
        if (!table) {
            return std::move(table).error();
        }
        tables.emplace(family, *std::move(table));
    }
    return tables;
}

}  // namespace ks
