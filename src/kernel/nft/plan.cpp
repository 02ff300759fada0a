// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan.hpp"

#include "base_chain.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/time.hpp"
#include "rule_edits.hpp"
#include "timed_elements.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

const Error kOutOfMemory{"out of memory while building the rules", ENOMEM};

/// "filter output 300 drop" without its last word: the policy can be changed in place.
std::string without_policy(const std::string& base) {
    return base.substr(0, base.rfind(' '));
}

class Planner {
    using Kept = std::vector<std::optional<std::size_t>>;  ///< See kept_rules().

  public:
    Planner(Batch& batch, const Ruleset& ruleset, TableFamily family, const ObservedTable& desired,
            const ObservedTable& observed)
        : batch_(batch), ruleset_(ruleset), family_(family), desired_(desired),
          observed_(observed) {
        const bool replaces_sets = std::ranges::any_of(
            observed.sets, [&](const ObservedSet& set) { return misshapen(set); });
        for (const ObservedChain& wanted : desired.chains) {
            kept_.emplace(wanted.name, kept(wanted, replaces_sets));
        }
    }

    Status run() {
        remove_rules();
        remove_misshapen_sets();
        for (const auto part :
             {&Planner::counters, &Planner::sets, &Planner::chains, &Planner::rules}) {
            if (auto done = (this->*part)(); !done) {
                return done;
            }
        }
        remove_strangers();
        return Done{};
    }

  private:
    Status counters() {
        for (const auto& [name, value] : desired_.counters) {
            if (observed_.counters.contains(name)) {
                continue;
            }
            const NftObject counter = make_counter(name);
            if (!counter) {
                return kOutOfMemory;
            }
            batch_.create(counter.get(), name);
        }
        return Done{};
    }

    Status sets() {
        for (const Set& set : ruleset_.sets) {
            const ObservedSet* const described = find_named(desired_.sets, set.name);
            if (described == nullptr) {
                continue;  // Of another family.
            }
            const std::vector<std::string>& wanted = described->elements;
            const ObservedSet* const there = find_named(observed_.sets, set.name);
            if (there == nullptr || misshapen(*there)) {
                const NftSet made = make_set(set);
                if (!made) {
                    return kOutOfMemory;
                }
                batch_.create(made.get(), set.name);
                batch_.add_elements(set.name, wanted);
                batch_.add_timed(set.name, described->timed);
                continue;
            }
            if (!described->timed.empty()) {
                restore_timed(*described, *there);
                continue;
            }
            std::vector<std::string> missing;
            std::vector<std::string> surplus;
            std::ranges::set_difference(wanted, there->elements, std::back_inserter(missing));
            std::ranges::set_difference(there->elements, wanted, std::back_inserter(surplus));
            batch_.remove_elements(set.name, surplus);
            batch_.add_elements(set.name, missing);
        }
        return Done{};
    }

    /// All anew where one is to end at another time, or is not to be there.
    void restore_timed(const ObservedSet& wanted, const ObservedSet& there) {
        if (!there.elements.empty() || !same_ends(wanted, there, since_boot())) {
            batch_.flush_set(wanted.name);
            batch_.add_timed(wanted.name, wanted.timed);
        }
    }

    Status chains() {
        for (const Chain& chain : ruleset_.chains) {
            const ObservedChain* const there = find_named(observed_.chains, chain.name);
            if (family_of(chain) != family_ ||
                (there != nullptr &&
                 there->base == find_named(desired_.chains, chain.name)->base)) {
                continue;
            }
            const NftChain made = make_chain(chain);
            if (!made) {
                return kOutOfMemory;
            }
            batch_.create(made.get(), chain);
        }
        return Done{};
    }

    /// Whether a set of ours holds keys of another type.
    [[nodiscard]] bool misshapen(const ObservedSet& there) const {
        const ObservedSet* const wanted = find_named(desired_.sets, there.name);
        return wanted != nullptr && wanted->key != there.key;
    }

    /// Which of the wanted rules of a chain stand already.
    [[nodiscard]] Kept kept(const ObservedChain& wanted, bool replaces_sets) const {
        const ObservedChain* const there = find_named(observed_.chains, wanted.name);
        // A set can only be replaced while no rule refers to it.
        return there == nullptr || replaces_sets ? Kept(wanted.rules.size())
                                                 : kept_rules(there->rules, wanted.rules);
    }

    void remove_rules() {
        for (const ObservedChain& there : observed_.chains) {
            std::vector<bool> stays(there.rules.size());
            if (const auto kept = kept_.find(there.name); kept != kept_.end()) {
                for (const auto& index : kept->second) {
                    if (index) {
                        stays[*index] = true;
                    }
                }
            }
            if (!stays.empty() && std::ranges::count(stays, true) == 0) {
                batch_.flush_chain(there.name);
                continue;
            }
            for (std::size_t i = 0; i < stays.size(); ++i) {
                if (!stays[i]) {
                    batch_.remove_rule(there.name, there.rules[i].handle);
                }
            }
        }
    }

    void remove_misshapen_sets() {
        for (const ObservedSet& there : observed_.sets) {
            if (misshapen(there)) {
                batch_.remove_set(there.name);
            }
        }
    }

    Status rules() {
        for (const Chain& chain : ruleset_.chains) {
            if (family_of(chain) != family_) {
                continue;
            }
            if (auto done = add_rules(chain); !done) {
                return done;
            }
        }
        return Done{};
    }

    Status add_rules(const Chain& chain) {
        if (is_veiled(chain)) {
            if (!kept_.at(chain.name).front()) {
                batch_.append_veiled_jump(chain.name, chain.rules.front().target);
            }
            return Done{};
        }
        const Kept& stands = kept_.at(chain.name);
        std::size_t next = 0;  // The first rule behind this one that stands already.
        for (std::size_t i = 0; i < chain.rules.size(); ++i) {
            if (stands[i]) {
                continue;
            }
            const NftRule made = make_rule(chain.name, chain.rules[i], family_);
            if (!made) {
                return kOutOfMemory;
            }
            const std::string what = fmt::format("rule {} of chain {}: {}", i + 1, chain.name,
                                                 render_text(chain.rules[i], family_));
            while (next < stands.size() && (next <= i || !stands[next])) {
                ++next;
            }
            if (next == stands.size()) {
                batch_.append(made.get(), what);
            } else {
                const ObservedChain& there = *find_named(observed_.chains, chain.name);
                batch_.insert(made.get(), there.rules[*stands[next]].handle, what);
            }
        }
        return Done{};
    }

    /// Order: behind the rules, which may still have referred to them.
    void remove_strangers() {
        for (const ObservedChain& there : observed_.chains) {
            if (find_named(desired_.chains, there.name) == nullptr) {
                batch_.remove_chain(there.name);
            }
        }
        for (const ObservedSet& there : observed_.sets) {
            if (find_named(desired_.sets, there.name) == nullptr && !there.anonymous) {
                batch_.remove_set(there.name);
            }
        }
        for (const auto& [name, value] : observed_.counters) {
            if (!desired_.counters.contains(name)) {
                batch_.remove_counter(name);
            }
        }
    }

    Batch& batch_;
    const Ruleset& ruleset_;
    TableFamily family_;
    const ObservedTable& desired_;
    const ObservedTable& observed_;
    std::unordered_map<std::string_view, Kept> kept_;  ///< By the name of a wanted chain.
};

}  // namespace

bool changeable(const ObservedTable& desired, const ObservedTable& observed) {
    return observed.objects.empty() &&
           std::ranges::none_of(desired.chains, [&](const ObservedChain& wanted) {
               const ObservedChain* const there = find_named(observed.chains, wanted.name);
               return there != nullptr &&
                      without_policy(there->base) != without_policy(wanted.base);
           });
}

Status plan(Batch& batch, const Ruleset& ruleset, TableFamily family, const ObservedTable& desired,
            const ObservedTable* observed, std::uint32_t new_flags, Method method) {
    batch.select(family);
    const bool wanted = !desired.chains.empty();
    const bool anew = observed == nullptr || method == Method::anew;
    if (observed != nullptr && (anew || !wanted)) {
        batch.delete_table();
    }
    if (!wanted) {
        return Done{};
    }
    if (anew) {
        batch.create_table(new_flags);
    }
    const ObservedTable nothing;
    return Planner(batch, ruleset, family, desired, anew ? nothing : *observed).run();
}

}  // namespace ks
