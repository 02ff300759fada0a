// SPDX-License-Identifier: GPL-2.0-or-later
#include "pause_rules.hpp"

#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/sets.hpp"
#include "killswitchd/situation.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ks {

namespace {

constexpr SetKey kByType{IpFamily::v4, SetKey::Of::packet_type};

/// Of all types, so that it is on for every packet or for none.
Set switch_of(const char* name, std::chrono::nanoseconds until) {
    Set set{name, kByType, {}};
    for (std::uint32_t type = 0; type < kPacketTypes; ++type) {
        set.timed.push_back({type, until});
    }
    return set;
}

match::InSet switched_on(const char* name) {
    return {match::InSet::Far::destination, kByType, name};
}

/// Whether a chain is the one that packets meet first. The one at every device can have no other
/// rule than its jump.
bool comes_first(const Chain& chain, const std::vector<Chain>& all) {
    if (chain.hook) {
        return !at_every_device(chain);
    }
    for (const Chain& base : all) {
        if (at_every_device(base) && base.rules.front().target == chain.name) {
            return true;
        }
    }
    return false;
}

}  // namespace

void add_user_pauses(Draft& draft) {
    const auto& pauses = draft.situation.user_pauses;
    if (pauses.empty()) {
        return;
    }
    constexpr SetKey kByUser{IpFamily::v4, SetKey::Of::user};
    Set users{kPausedUsersSet, kByUser, {}};
    std::chrono::nanoseconds last{};
    for (const auto& [user, until] : pauses) {
        users.timed.push_back({user, until});
        last = std::max(last, until);
    }
    draft.sets.push_back(std::move(users));
    draft.sets.push_back(switch_of(kPausedAnswersSet, last));
    // Order: the sets first, so that a rule can match no more once they have ended.
    std::vector<Match> out{match::InSet{match::InSet::Far::destination, kByUser, kPausedUsersSet}};
    std::vector<Match> in{switched_on(kPausedAnswersSet)};
    if (draft.policy.ipv6 == Ipv6::block) {
        out.emplace_back(match::Family{IpFamily::v4});
        in.emplace_back(match::Family{IpFamily::v4});
    }
    in.emplace_back(match::CtEstablished{});
    draft.output.rules.push_back(accept(std::move(out), "paused for this user"));
    draft.input.rules.push_back(accept(std::move(in), "answers to a paused user"));
}

void add_pause(Draft& draft) {
    if (!draft.situation.open_until) {
        return;
    }
    draft.sets.push_back(switch_of(kPausedSet, *draft.situation.open_until));
    const Rule rule = accept({switched_on(kPausedSet)}, "paused: everything may pass");
    for (Chain* const chain : {&draft.output, &draft.input, &draft.forward, &draft.postrouting}) {
        chain->rules.insert(chain->rules.begin(), rule);
    }
    for (Chain& chain : draft.others) {
        if (comes_first(chain, draft.others)) {
            chain.rules.insert(chain.rules.begin(), rule);
        }
    }
}

}  // namespace ks
