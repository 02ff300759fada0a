// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/intents.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Answer = Result<Intents, Refusal>;

Answer refuse(std::string text, std::string hint = {}) {
    return Refusal{Refusal::Why::unsafe, std::move(text), std::move(hint)};
}

Instant in(const Instant& now, std::chrono::seconds duration) {
    return {now.boot, now.since_boot + duration};
}

/// Whether `moment` is over; one of another boot always is.
bool is_past(const Instant& moment, const Instant& now) {
    return moment.boot != now.boot || moment.since_boot <= now.since_boot;
}

Answer arm(Intents intents, const request::Arm& arm, const Policy* policy, const Instant& now) {
    if (policy == nullptr) {
        return Refusal{Refusal::Why::no_config, "the config cannot be used", {}};
    }
    if (policy->mode == Mode::off) {
        return refuse("mode is off in the config",
                      "write 'mode: always', then run `killswitchd arm` again");
    }
    if (arm.confirm_within &&
        (arm.confirm_within->count() < 1 || *arm.confirm_within > kLongestConfirmation)) {
        return refuse(
            fmt::format("a confirmation takes 1 to {} seconds", kLongestConfirmation.count()));
    }
    const bool waiting = policy->mode == Mode::on_drop && policy->boot == BootLock::open &&
                         !intents.engaged;  // For the first tunnel, with everything open.
    const bool was_open = intents.disarmed || intents.confirm_by || waiting;
    intents.disarmed = false;
    intents.engaged = true;
    intents.open_until.reset();
    intents.user_pauses.clear();
    intents.confirm_by.reset();
    if (arm.confirm_within && was_open) {  // Else nothing is new that could be undone.
        intents.confirm_by = in(now, *arm.confirm_within);
    }
    return intents;
}

Answer disarm(Intents intents) {
    if (intents.panic) {  // A VPN's hook must not end what somebody pulled in an emergency.
        return refuse("panic is on, and a disarm does not end it",
                      "run `killswitchd unlock` first, or `killswitchd disarm --all`");
    }
    intents = {};
    intents.disarmed = true;
    return intents;
}

Answer pause(Intents intents, const request::Pause& pause, const Policy* policy,
             const Instant& now) {
    if (intents.panic) {
        return refuse("panic is on, and a pause does not end it", "run `killswitchd unlock` first");
    }
    if (intents.disarmed || (policy != nullptr && policy->mode == Mode::off)) {
        return refuse("not armed, so there is nothing to pause");
    }
    if (pause.duration.count() < 1 || pause.duration > kLongestPause) {
        return refuse("a pause takes 1 second to 24 hours", "for longer: killswitchd disarm");
    }
    if (!pause.user) {
        intents.open_until = in(now, pause.duration);
        return intents;
    }
    if (*pause.user == std::numeric_limits<std::uint32_t>::max()) {  // As the kernel says nobody.
        return refuse("there is no such user");
    }
    intents.user_pauses[*pause.user] = in(now, pause.duration);
    if (intents.user_pauses.size() > kMostUserPauses) {
        return refuse(fmt::format("no more than {} users can have a pause", kMostUserPauses),
                      "for everybody: killswitchd pause");
    }
    return intents;
}

}  // namespace

Answer apply(Intents intents, const Request& request, const Policy* policy, const Instant& now) {
    intents = expire(std::move(intents), now);
    return std::visit(
        Overloaded{
            [&](const request::Arm& r) { return arm(std::move(intents), r, policy, now); },
            [&](const request::Confirm&) -> Answer {
                if (!intents.confirm_by) {
                    return refuse("nothing waits for a confirmation");
                }
                intents.confirm_by.reset();
                return intents;
            },
            [&](const request::Disarm&) { return disarm(std::move(intents)); },
            [&](const request::OpenAll&) -> Answer {
                Intents open;
                open.disarmed = true;
                return open;
            },
            [&](const request::Lock&) -> Answer {
                intents.panic = true;
                return intents;
            },
            [&](const request::Unlock&) -> Answer {
                intents.panic = false;
                return intents;
            },
            [&](const request::Pause& r) { return pause(std::move(intents), r, policy, now); },
            [&](const request::Resume&) -> Answer {
                if (!intents.open_until && intents.user_pauses.empty()) {
                    return refuse("no pause is on");
                }
                intents.open_until.reset();
                intents.user_pauses.clear();
                return intents;
            },
        },
        request);
}

Intents expire(Intents intents, const Instant& now) {
    if (intents.open_until && is_past(*intents.open_until, now)) {
        intents.open_until.reset();
    }
    std::erase_if(intents.user_pauses,
                  [&](const auto& pause) { return is_past(pause.second, now); });
    if (intents.confirm_by && is_past(*intents.confirm_by, now)) {
        const bool panic = intents.panic;
        intents = {};
        intents.disarmed = true;
        intents.panic = panic;
    }
    return intents;
}

std::optional<Instant> next_deadline(const Intents& intents, const Instant& now) {
    std::vector<std::optional<Instant>> all{intents.open_until, intents.confirm_by};
    for (const auto& [user, until] : intents.user_pauses) {
        all.emplace_back(until);
    }
    std::optional<Instant> next;
    for (const auto& moment : all) {
        const bool sooner = moment && (!next || moment->since_boot < next->since_boot);
        if (sooner && moment->boot == now.boot) {
            next = moment;
        }
    }
    return next;
}

bool opens(const Intents& before, const Intents& after) {
    const auto is_open = [](const Intents& intents) {
        return !intents.panic && (intents.disarmed || intents.open_until);
    };
    const bool frees_user = std::ranges::any_of(after.user_pauses, [&](const auto& pause) {
        return !before.user_pauses.contains(pause.first);
    });
    return (before.panic && !after.panic) || (is_open(after) && !is_open(before)) ||
           (frees_user && !after.panic);
}

}  // namespace ks
