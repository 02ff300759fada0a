// SPDX-License-Identifier: GPL-2.0-or-later
#include "present.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/situation.hpp"

#include <utility>

namespace ks::cli {

State present_state(World world, const StatusReport& report) {
    State& state = world.state;
    const auto reported = state_from(report.judgement.state);
    if (reported) {
        state.intents = {};
        state.intents.disarmed = *reported == StateName::disarmed;
        state.intents.panic = *reported == StateName::panic;
        state.intents.engaged = true;
        if (*reported == StateName::paused) {
            state.intents.open_until = state.now;
        }
        for (const auto& [user, left] : report.user_pauses) {
            state.intents.user_pauses.emplace(user, state.now);
        }
    }
    state.situation = decide(state);
    if (reported == StateName::locked && state.situation.state == StateName::protected_) {
        take_tunnels_down(state);  // Rules that nobody changes as links change.
        state.situation = decide(state);
    }
    state.wanted = compile(state.policy, state.situation);
    return std::move(world.state);
}

}  // namespace ks::cli
