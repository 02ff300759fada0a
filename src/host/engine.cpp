// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/desired_tables.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/error.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ks {

void Engine::handle(Event event) {
    std::deque<Event> pending;  // A queue, not recursion: effects make events.
    pending.push_back(std::move(event));
    while (!pending.empty()) {
        Step next = step(std::move(state_), pending.front());
        pending.pop_front();
        state_ = std::move(next.next);
        for (Effect& effect : next.effects) {
            std::visit(Overloaded{
                           [&](Commit& e) { pending.push_back(commit(std::move(e.ruleset))); },
                           [&](RetryAfter& e) { hooks_.retry_after(e.delay); },
                           [&](WakeAt& e) { hooks_.wake_at(e.moment); },
                           [&](Remember& e) { pending.push_back(remember(std::move(e))); },
                           [&](Announce& e) { hooks_.announce(e); },
                       },
                       effect);
        }
    }
}

Event Engine::remember(Remember wish) {
    auto done = hooks_.remember(wish.intents, wish.by);
    if (!done) {
        return NotRemembered{std::move(done).error()};
    }
    return Remembered{std::move(wish.intents)};
}

Event Engine::commit(std::optional<Ruleset> ruleset) {
    auto done = ruleset ? nftables_.apply(*ruleset) : nftables_.remove();
    if (!done) {
        return CommitFailed{std::move(done).error()};
    }
    const auto raw_problem = ruleset ? nftables_.raw_problem() : std::nullopt;
    return CommitSucceeded{std::move(ruleset), raw_problem};
}

void Engine::verify(const std::string& suspect) {
    if (!state_.in_force || !state_.wanted) {
        return;  // A retry is on its way, or there is nothing of ours to watch.
    }
    const auto observed = nftables_.read();
    if (!observed) {
        handle(TableUnreadable{observed.error()});
    } else if (!differences(state_.wanted, *observed).empty()) {
        handle(TableTouched{suspect});
    }
}

bool drops_by_default(const ObservedTables& observed) {
    const auto strict = desired_tables(builtin_lock());
    const auto stands = [&](TableFamily family, const ObservedChain& base) {
        const ObservedTable* const table = find_table(observed, family);
        return table != nullptr && !table->dormant &&
               std::ranges::find(table->chains, base.base, &ObservedChain::base) !=
                   table->chains.end();
    };
    return strict && std::ranges::all_of(*strict, [&](const auto& table) {
               return std::ranges::all_of(table.second.chains, [&](const ObservedChain& chain) {
                   return chain.base.empty() || stands(table.first, chain);
               });
           });
}

}  // namespace ks
