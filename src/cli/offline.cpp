// SPDX-License-Identifier: GPL-2.0-or-later
#include "offline.hpp"

#include "../host/cgroup_watch.hpp"
#include "../host/engine.hpp"
#include "../host/intent_store.hpp"
#include "../host/ipsec_watch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/link_monitor.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"
#include "terminal.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace ks::cli {

World observe(const Options& options) {
    World world;
    world.config = load_config(options.paths.config);
    State& state = world.state;
    if (world.config.ok()) {
        state.policy = *world.config.policy;
    }
    const auto loaded = IntentStore(options.paths.state_dir, options.paths.runtime_dir).load();
    for (const Error& problem : loaded.problems) {
        complain(problem.message());
    }
    state.intents = loaded.intents;
    if (auto links = read_links()) {
        state.links = *std::move(links);
    }
    state.ipsec = IpsecWatch::open(state.policy).gateways();
    state.cgroups = CgroupWatch::open(cgroups_of(state.policy)).ids();
    if (auto nftables = Nftables::open(Ownership::off)) {
        state.raw_support = nftables->raw_support();
    }
    state.situation = decide(state);
    state.wanted = compile(state.policy, state.situation);
    return world;
}

int enforce(const World& world, Nftables nftables) {
    std::string failure;
    Engine engine(
        std::move(nftables), world.state,
        {[&](const Announce& say) {
             if (say.key == "commit-failed") {
                 failure = say.text;
             }
         },
         [](std::chrono::milliseconds) { /* The caller decides whether to try again. */ }});
    engine.handle(IntentsChanged{world.state.intents});
    const State& state = engine.state();
    if (!state.in_force) {
        complain(failure);
        return kFailed;
    }
    if (state.wanted) {  // Else a table that systemd owns would end with it.
        if (const auto left = engine.nftables().leave(*state.wanted); !left) {
            return fail(left.error());
        }
    }
    return kDone;
}

}  // namespace ks::cli
