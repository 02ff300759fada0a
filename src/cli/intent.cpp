// SPDX-License-Identifier: GPL-2.0-or-later
#include "../daemon/intents.hpp"
#include "client.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ks::cli {

namespace {

/// One of arm, disarm, lock, unlock.
struct Change {
    const char* method;
    std::function<void(Intents&)> edit;
};

/// The markers and the rules are changed by this process when no service is there to do it.
/// Order: kernel first; a disk that cannot be written must not keep the machine open.
int change_offline(const Options& options, const Change& change) {
    World world = observe(options);
    change.edit(world.state.intents);
    const bool needs_policy = !world.state.intents.disarmed && !world.state.intents.panic;
    if (!world.config.ok() && needs_policy) {
        complain(world.config.diagnostics);
        return kConfigInvalid;
    }
    if (world.state.policy.mode == Mode::off && needs_policy) {
        complain(fmt::format("mode is off in {}", options.paths.config),
                 "set 'mode: always', then run `killswitchd arm` again");
        return kRefused;
    }
    auto nftables = Nftables::open(world.state.policy.ownership);
    if (!nftables) {
        return fail(nftables.error());
    }
    world.state.links.reset();  // Nobody would follow them: a tunnel opens when the service starts.
    if (const int code = enforce(world, *std::move(nftables)); code != kDone) {
        return code;
    }
    auto saved = IntentStore(options.paths.state_dir, options.paths.runtime_dir)
                     .save(world.state.intents, fmt::format("uid {}", ::getuid()));
    if (!saved) {
        return fail(std::move(saved).error().within("done, but it will not be remembered"));
    }
    fmt::print("{}; the service is not running\n",
               world.state.intents.panic      ? "panic: nothing leaves until `killswitchd unlock`"
               : world.state.intents.disarmed ? "disarmed: traffic may leave by any way"
                                              : "locked: no tunnel opens until the service runs");
    return kDone;
}

int apply(const Options& options, const Change& change) {
    const auto reply = ask_service(options, change.method);
    if (!reply) {
        return fail(reply.error());
    }
    if (!*reply) {
        return change_offline(options, change);
    }
    if (!(*reply)->error.empty()) {
        return explain_error(**reply);
    }
    const auto status = nlohmann::json::parse((*reply)->json)["status"];
    fmt::print("{}: {}\n", status.value("summary", ""), status.value("reason", ""));
    return kDone;
}

}  // namespace

int arm(const Options& options) {
    return apply(options, {"org.killswitchd.Arm", [](Intents& i) {
                               i.disarmed = false;
                               i.engaged = true;
                           }});
}

int disarm(const Options& options) {
    return apply(options, {"org.killswitchd.Disarm", [](Intents& i) {
                               i.disarmed = true;
                               i.engaged = false;
                           }});
}

int lock(const Options& options) {
    return apply(options, {"org.killswitchd.Lock", [](Intents& i) { i.panic = true; }});
}

int unlock(const Options& options) {
    return apply(options, {"org.killswitchd.Unlock", [](Intents& i) { i.panic = false; }});
}

}  // namespace ks::cli
