// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/intents.hpp"
#include "killswitchd/log.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/unconfirmed.hpp"
#include "loop.hpp"

#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace ks {

Answer Loop::change(const Request& request, const std::string& asker) {
    const auto* const arm = std::get_if<request::Arm>(&request);
    if (arm != nullptr) {
        if (auto read = read_before_arming(asker); !read) {
            return std::move(read).error();
        }
    }
    const State& state = engine_.state();
    const std::string who = arm != nullptr && arm->confirm_within
                                ? armed_for(asker, utc_now(), *arm->confirm_within)
                                : asker;
    auto wished = apply(state.intents, request, &state.policy, clock_.now());
    if (!wished) {
        return Failure{Failure::Kind::refused, wished.error().text, wished.error().hint};
    }
    const std::string text = fmt::format("{}{} by {}", wished->disarmed ? "disarmed" : "armed",
                                         wished->panic ? ", panic" : "", who);
    log(Severity::notice, "intent", text);
    engine_.handle(IntentsChanged{*std::move(wished), who});
    tell_systemd();
    service_.publish("intent", text);
    return answer();
}

/// Whoever arms means the file as it is. What is open stays so until then, or a reload would lock
/// what a confirmation is yet to be asked for.
Result<Done, Failure> Loop::read_before_arming(const std::string& who) {
    if (!reporter_.config_changed()) {
        return Done{};
    }
    const Intents before = engine_.state().intents;
    if (engine_.state().situation.state == StateName::disarmed) {
        Intents open = before;
        open.disarmed = true;
        engine_.handle(IntentsChanged{open, who});
    }
    auto done = reload(who);
    if (!done && done.error().kind == Failure::Kind::config_invalid) {
        engine_.handle(IntentsChanged{before, who});
        return std::move(done).error();
    }
    return Done{};
}

Answer Loop::answer() {
    const State& state = engine_.state();
    if (!state.in_force) {
        return Failure{Failure::Kind::failed, state.last_error};
    }
    if (!state.remember_error.empty()) {
        return Failure{Failure::Kind::failed,
                       fmt::format("done, but a restart or reboot would go by the older "
                                   "decision: {}",
                                   state.remember_error)};
    }
    return status();
}

}  // namespace ks
