// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/desired_tables.hpp"

#include "base_chain.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/observed_tables.hpp"
#include "objects.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ks {

namespace {

const Error kOutOfMemory{"out of memory", ENOMEM};

/// Describes the table of one family, and takes what it can from what was described before.
class Describer {
  public:
    Describer(TableFamily family, Described& before) : family_(family) {
        const auto table = before.tables.find(family);
        if (table == before.tables.end()) {
            return;
        }
        for (const Chain& chain : before.ruleset.chains) {
            if (family_of(chain) == family) {
                chains_[chain.name].rules = chain.rules;
            }
        }
        for (ObservedChain& described : table->second.chains) {
            chains_[described.name].described = described.rules;
        }
        for (const Set& set : before.ruleset.sets) {
            sets_[set.name].set = &set;
        }
        for (ObservedSet& described : table->second.sets) {
            sets_[described.name].described = &described;
        }
    }

    Result<ObservedTable> table(const TablePart& part) const {
        ObservedTable table;
        for (const Chain* const chain : part.chains) {
            auto rules = describe_rules(*chain);
            if (!rules) {
                return std::move(rules).error();
            }
            table.chains.push_back({chain->name, describe_base(*chain), *std::move(rules)});
        }
        for (const Set* const set : part.sets) {
            auto described = describe_set(*set);
            if (!described) {
                return std::move(described).error();
            }
            table.sets.push_back(*std::move(described));
        }
        for (const std::string_view counter : part.counters) {
            table.counters.emplace(counter, CounterValue());
        }
        std::ranges::sort(table.chains, {}, &ObservedChain::name);
        std::ranges::sort(table.sets, {}, &ObservedSet::name);
        return table;
    }

  private:
    /// A change is about a few rules of a chain; those in front of them and after them are known.
    Result<std::vector<ObservedRule>> describe_rules(const Chain& chain) const {
        if (is_veiled(chain)) {
            return std::vector{ObservedRule{veiled_jump(chain.rules.front().target), {}}};
        }
        const auto found = chains_.find(chain.name);
        const KnownChain known = found == chains_.end() ? KnownChain() : found->second;
        const auto [front, known_front] = std::ranges::mismatch(chain.rules, known.rules);
        auto back = chain.rules.end();
        auto known_back = known.rules.end();
        while (back != front && known_back != known_front && *(back - 1) == *(known_back - 1)) {
            --back;
            --known_back;
        }
        std::vector<ObservedRule> rules;
        rules.reserve(chain.rules.size());
        std::move(known.described.begin(), known.described.begin() + (front - chain.rules.begin()),
                  std::back_inserter(rules));
        for (auto rule = front; rule != back; ++rule) {
            const NftRule made = make_rule(chain.name, *rule, family_);
            if (!made) {
                return kOutOfMemory;
            }
            rules.push_back({describe_expressions(made.get()), comment_of(made.get())});
        }
        std::move(known.described.end() - (chain.rules.end() - back), known.described.end(),
                  std::back_inserter(rules));
        return rules;
    }

    Result<ObservedSet> describe_set(const Set& set) const {
        if (const auto known = sets_.find(set.name); known != sets_.end() &&
                                                     known->second.described != nullptr &&
                                                     *known->second.set == set) {
            return std::move(*known->second.described);
        }
        const NftSet made = make_set(set);
        if (!made) {
            return kOutOfMemory;
        }
        return ObservedSet{set.name,
                           describe_key(made.get()),
                           element_keys(set),
                           /*anonymous=*/false,
                           set.key.of == SetKey::Of::flow || set.key.of == SetKey::Of::answer,
                           timed_keys(set)};
    }

    struct KnownChain {
        std::span<const Rule> rules;
        std::span<ObservedRule> described;
    };
    struct KnownSet {
        const Set* set = nullptr;
        ObservedSet* described = nullptr;  ///< Null where no chain of the family names the set.
    };

    TableFamily family_;
    std::unordered_map<std::string_view, KnownChain> chains_;
    std::unordered_map<std::string_view, KnownSet> sets_;
};

}  // namespace

Result<ObservedTables> desired_tables(const Ruleset& ruleset, Described before) {
    ObservedTables tables;
    for (const TableFamily family : kFamilies) {
        const TablePart part = part_of(ruleset, family);
        if (part.chains.empty()) {
            continue;
        }
        auto table = Describer(family, before).table(part);
        if (!table) {
            return std::move(table).error();
        }
        tables.emplace(family, *std::move(table));
    }
    return tables;
}

}  // namespace ks
