// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/expected_table.hpp"

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
                           [&](Announce& e) { hooks_.announce(e); },
                       },
                       effect);
        }
    }
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
    const auto live = nftables_.read();
    if (!live || !differences_to(state_.wanted, *live).empty()) {
        handle(TableTouched{suspect});
    }
}

bool drops_by_default(const std::optional<LiveTable>& live) {
    const auto strict = expected_table(builtin_lock());
    return live && !live->dormant && strict &&
           std::ranges::all_of(strict->chains, [&](const LiveChain& chain) {
               return chain.base.empty() ||
                      std::ranges::find(live->chains, chain.base, &LiveChain::base) !=
                          live->chains.end();
           });
}

std::vector<std::string> differences_to(const std::optional<Ruleset>& wanted,
                                        const std::optional<LiveTable>& live) {
    if (!wanted) {
        return live ? std::vector<std::string>{"the table inet killswitchd should not be there"}
                    : std::vector<std::string>{};
    }
    const auto expected = expected_table(*wanted);
    return expected ? differences(*expected, live)
                    : std::vector<std::string>{expected.error().message()};
}

}  // namespace ks
