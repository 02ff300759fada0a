// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/intent_store.hpp"
#include "client.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "offline.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <poll.h>
#include <unistd.h>

namespace ks::cli {

namespace {

/// One of arm, disarm, lock, unlock.
struct Change {
    const char* method;
    std::function<void(Intents&)> edit;
};

Status save(const Options& options, const Intents& intents) {
    return IntentStore(options.paths.state_dir, options.paths.runtime_dir)
        .save(intents, fmt::format("uid {}", ::getuid()));
}

int show(const Reply& reply) {
    if (!reply.error.empty()) {
        return explain_error(reply);
    }
    const auto status = nlohmann::json::parse(reply.json)["status"];
    fmt::print("{}: {}\n", status.value("summary", ""), status.value("reason", ""));
    return kDone;
}

/// Asks until the service answers or the table is gone, as it is after a disarm.
Result<std::optional<Reply>> await_service(const Options& options, const Change& change,
                                           Nftables& nftables) {
    constexpr std::chrono::seconds kPatience{20};
    constexpr int kPauseMs = 100;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
        auto reply = ask_service(options, change.method);
        if (!reply || *reply) {
            return reply;
        }
        const auto live = nftables.read();
        if (live && live->empty()) {
            return std::optional<Reply>();
        }
        ::poll(nullptr, 0, kPauseMs);
    }
    return Error{"the rules belong to the socket of killswitchd.socket and the service does not "
                 "start; see: systemctl status killswitchd.service killswitchd.socket",
                 ETIMEDOUT};
}

/// Only the service can change a table whose owner is a socket that systemd holds. killswitchd.path
/// starts it when something changes in the state directory, so the decision is on disk before.
int change_through_systemd(const Options& options, const Change& change, const Intents& intents,
                           Nftables nftables) {
    auto saved = save(options, intents);
    if (saved) {  // Also where the markers were so already.
        saved = write_file_atomically(options.paths.state_dir + "/wake", "");
    }
    if (!saved) {
        return fail(std::move(saved).error().within(
            "the service does not run and cannot be told; run: systemctl start killswitchd"));
    }
    const auto reply = await_service(options, change, nftables);
    if (!reply) {
        return fail(reply.error());
    }
    if (*reply) {
        return show(**reply);
    }
    fmt::print("disarmed: traffic may leave by any way\n");
    return kDone;
}

bool belongs_to_another(Nftables& nftables) {
    const auto live = nftables.read();
    const ObservedTable* const table = live ? find_table(*live, TableFamily::inet) : nullptr;
    return table != nullptr && table->owner == TableOwner::somebody;
}

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
    if (belongs_to_another(*nftables)) {
        return change_through_systemd(options, change, world.state.intents, *std::move(nftables));
    }
    world.state.links.reset();  // Nobody would follow them: a tunnel opens when the service starts.
    if (const int code = enforce(world, *std::move(nftables)); code != kDone) {
        return code;
    }
    if (auto saved = save(options, world.state.intents); !saved) {
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
    return show(**reply);
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
