// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/change.hpp"
#include "../host/hosts_file.hpp"
#include "../host/observe.hpp"
#include "../host/session.hpp"
#include "../host/state_line.hpp"
#include "client.hpp"
#include "cut_warning.hpp"
#include "duration.hpp"
#include "fetch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/escape.hpp"
#include "options.hpp"
#include "status_screen.hpp"
#include "terminal.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks::cli {

namespace {

/// One request, as the core and as the service know it.
struct Wish {
    Request request;
    const char* method;
    std::vector<Parameter> parameters{};
    /// Whether nothing may be locked afterwards.
    enum class After : std::uint8_t { anything, open } after = After::anything;
};

int show(const Reply& reply, const Wish& wish) {
    if (!reply.error.empty()) {
        return explain_error(reply);
    }
    fmt::print("{}\n", escaped(headline_at(reply.status, std::time(nullptr))));
    if (wish.after == Wish::After::open && reply.status.judgement.summary != Summary::open) {
        complain("a lock still stands; see: killswitchd status");
        return kFailed;
    }
    return kDone;
}

int explain(const Refusal& refusal, const World& world) {
    if (refusal.why == Refusal::Why::no_config) {
        complain(world.config.diagnostics);
        return kConfigInvalid;
    }
    complain(refusal.text, refusal.hint);
    return kRefused;
}

int show_offline(const State& state) {
    switch (state.situation.state) {
    case StateName::panic:
        fmt::print("panic: nothing leaves until `killswitchd unlock`");
        break;
    case StateName::paused:
        fmt::print("paused: everything may leave until the kernel ends it");
        break;
    case StateName::disarmed:
        fmt::print("disarmed: traffic may leave by any way");
        break;
    case StateName::locked:
    case StateName::protected_:
        fmt::print("locked: no tunnel opens until the service runs");
        break;
    }
    fmt::print("; the service is not running\n");
    if (!state.remember_error.empty()) {
        complain(fmt::format("a restart or reboot will go by the older decision: {}",
                             state.remember_error));
        return kFailed;
    }
    return kDone;
}

/// Nobody keeps them current any more.
void take_names_back(const Paths& paths) {
    if (auto done = publish_hosts(paths.hosts_file, {}); !done) {
        complain(done.error().message());
    }
}

int run_offline(const Options& options, const Wish& wish) {
    World world = observe_for_change(options.paths);
    if (world.intents_problem) {
        complain(world.intents_problem->message());
    }
    const auto outcome =
        change(options.paths, world, wish.request, fmt::format("uid {}", ::getuid()));
    if (const auto* const state = std::get_if<State>(&outcome)) {
        note_state_without_service(options.paths);
        if (!state->wanted) {
            take_names_back(options.paths);
        }
    }
    return std::visit(Overloaded{
                          [](const State& state) { return show_offline(state); },
                          [&](const Refusal& refusal) { return explain(refusal, world); },
                          [](const Error& error) { return fail(error); },
                      },
                      outcome);
}

int run(const Options& options, const Wish& wish) {
    const auto reply = ask_service(options, wish.method, wish.parameters);
    if (!reply) {
        return fail(reply.error());
    }
    if (!*reply) {
        return run_offline(options, wish);
    }
    const int code = show(**reply, wish);
    // The service leaves it to a unit, which may be gone with the package before it has run.
    if (code == kDone && wish.after == Wish::After::open && ::geteuid() == 0) {
        take_names_back(options.paths);
    }
    return code;
}

/// By name, or else by number.
std::optional<std::uint32_t> user_called(const std::string& text) {
    if (const auto known = system_names().uid(text)) {
        return known;
    }
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    const bool nobody = number == std::numeric_limits<std::uint32_t>::max();
    return read.ec == std::errc() && read.ptr == end && !nobody ? std::optional(number)
                                                                : std::nullopt;
}

void explain_pause(std::chrono::seconds duration, const std::optional<std::uint32_t>& user) {
    if (user) {
        const std::time_t now = std::time(nullptr);
        fmt::print("  user {} may send outside the tunnel until {}\n", escaped(user_name(*user)),
                   clock_text(now + duration.count(), now));
    }
    fmt::print("  ends by itself, also if this machine crashes, sleeps or reboots\n"
               "  end it now: killswitchd resume\n");
}

int usage(const std::string& problem) {
    complain(problem, "write a number with s, m or h, such as 90s or 10m");
    return kUsage;
}

/// Waits for the confirmation, or for the service to undo what was not confirmed.
int await_confirmation(const Options& options) {
    fmt::print("It opens again unless you confirm, from a NEW login:  sudo killswitchd confirm\n");
    std::fflush(stdout);
    std::optional<int> code;
    const auto watched = watch_service(options, From::now, [&](const ServiceEvent& event) {
        if (event.status.judgement.summary == Summary::open) {
            code = kUnconfirmed;
        } else if (!event.status.confirm_within) {
            code = kDone;
        }
        return !code;
    });
    if (!watched || !code) {
        complain("the service is gone; it goes on when it starts", "killswitchd status");
        return kFailed;
    }
    fmt::print("{}\n", *code == kDone ? "Confirmed." : "Not confirmed in time: open again.");
    return *code;
}

}  // namespace

int arm(const Options& options) {
    if (options.list) {
        const auto cut = foresee(options, request::Arm{});
        if (!cut) {
            complain("arming would be refused as it is", "killswitchd check");
            return kRefused;
        }
        fmt::print("{}", list(*cut));
        return kDone;
    }
    if (options.confirm.empty()) {
        if (!warn_of_cut(options, request::Arm{}, Undo::no)) {
            return kRefused;
        }
        return run(options, {request::Arm{}, "org.killswitchd.Arm"});
    }
    const auto within = parse_duration(options.confirm);
    if (!within) {
        return usage(within.error().what);
    }
    const Wish wish{request::Arm{*within},
                    "org.killswitchd.Arm",
                    {{"confirm_within", static_cast<std::uint64_t>(within->count())}}};
    static_cast<void>(warn_of_cut(options, wish.request, Undo::by_itself));
    const auto reply = ask_service(options, wish.method, wish.parameters);
    if (!reply) {
        return fail(reply.error());
    }
    if (!*reply) {
        return run_offline(options, wish);
    }
    const int code = show(**reply, wish);
    if (code != kDone) {
        return code;
    }
    if (!(*reply)->status.confirm_within) {
        fmt::print("It was armed already, so there is nothing to confirm.\n");
        return kDone;
    }
    return await_confirmation(options);
}

int confirm(const Options& options) {
    const auto session = remote_session(connections());
    const int code = run(options, {request::Confirm{}, "org.killswitchd.Confirm"});
    if (code != kDone) {
        return code;
    }
    const auto report = fetch_report(options);
    const bool locked = report && report->judgement.summary == Summary::locked;
    if (session) {
        fmt::print("Confirmed: this login ({}) works while {}.\n", far_end(*session),
                   report ? word(report->judgement.summary) : "armed");
    }
    if (locked) {
        fmt::print("Tried only without the VPN. Try with it:  killswitchd arm --confirm 60\n"
                   "  after a disarm, with the VPN up, because it changes the way back.\n");
    }
    return kDone;
}

int disarm(const Options& options) {
    if (options.all) {
        return run(
            options,
            {request::OpenAll{}, "org.killswitchd.Disarm", {{"all", true}}, Wish::After::open});
    }
    return run(options, {request::Disarm{}, "org.killswitchd.Disarm", {}, Wish::After::open});
}

int lock(const Options& options) {
    return run(options, {request::Lock{}, "org.killswitchd.Lock"});
}

int unlock(const Options& options) {
    return run(options, {request::Unlock{}, "org.killswitchd.Unlock"});
}

int pause(const Options& options) {
    const auto duration = parse_duration(options.duration);
    if (!duration) {
        return usage(duration.error().what);
    }
    request::Pause wish{*duration};
    std::vector<Parameter> parameters{{"seconds", static_cast<std::uint64_t>(duration->count())}};
    if (!options.user.empty()) {
        wish.user = user_called(options.user);
        if (!wish.user) {
            complain(fmt::format("there is no user '{}'", options.user),
                     "write a name or a number");
            return kUsage;
        }
        parameters.push_back({"user", std::uint64_t{*wish.user}});
    }
    const int code = run(options, {wish, "org.killswitchd.Pause", std::move(parameters)});
    if (code == kDone) {
        explain_pause(*duration, wish.user);
    }
    return code;
}

int resume(const Options& options) {
    return run(options, {request::Resume{}, "org.killswitchd.Resume"});
}

}  // namespace ks::cli
