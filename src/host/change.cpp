// SPDX-License-Identifier: GPL-2.0-or-later
#include "change.hpp"

#include "engine.hpp"
#include "intent_store.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/differences.hpp"
#include "open_nftables.hpp"
#include "owner_socket.hpp"
#include "service_lock.hpp"

#include <cerrno>
#include <cstdint>

#include <fmt/format.h>

namespace ks {

namespace {

/// The port of the socket that owns our table, if somebody else's does.
Result<std::optional<std::uint32_t>> foreign_owner(Nftables& nftables) {
    const auto tables = nftables.read();
    if (!tables) {
        return tables.error();
    }
    for (const auto& [family, table] : *tables) {
        if (table.owner == TableOwner::somebody) {
            return std::optional(table.owner_port);
        }
    }
    return std::optional<std::uint32_t>();
}

/// Whether what is asked for ends by itself, which takes somebody who waits.
bool needs_service(const Request& request) {
    const auto* const arm = std::get_if<request::Arm>(&request);
    return std::holds_alternative<request::Pause>(request) ||
           (arm != nullptr && arm->confirm_within);
}

}  // namespace

Result<State> enforce(const Paths& paths, const World& world, Nftables nftables) {
    const IntentStore store(paths.state_dir);
    Engine engine(std::move(nftables), world.state,
                  {[](const Announce&) { /* The caller has the state. */ },
                   [](std::chrono::milliseconds) { /* The caller decides whether to try again. */ },
                   [](const std::optional<Instant>&) { /* Nobody waits here. */ },
                   [&](const Intents& intents, const std::string& by) {
                       return store.save(intents, world.clock.now(), by);
                   }});
    engine.handle(IntentsChanged{world.state.intents, world.state.asked_by});
    const State& state = engine.state();
    if (!state.in_force) {
        return Error{state.last_error};
    }
    if (state.wanted) {  // Else a table that systemd owns would end with it.
        if (auto left = engine.nftables().leave(*state.wanted); !left) {
            return std::move(left).error();
        }
    }
    return state;
}

Result<Nftables> open_owner(Ownership ownership) {
    auto nftables = open_nftables(ownership);
    if (!nftables) {
        return nftables;
    }
    const auto port = foreign_owner(*nftables);
    if (!port) {
        return port.error();
    }
    if (!*port) {
        return nftables;
    }
    auto borrowed = borrow_owner_socket(**port);
    if (!borrowed) {
        return std::move(borrowed).error().within(
            "the rules belong to another process; run: systemctl start killswitchd.service, or "
            "systemctl stop killswitchd.socket; then again");
    }
    return Nftables::borrow(ownership, *std::move(borrowed));
}

Status prove_open(Nftables& nftables) {
    const KernelView view = look(nftables, std::nullopt);
    if (!view.tables) {
        return Error(view.tables.error()).within("cannot tell whether anything is still locked");
    }
    if (view.tables->empty() && !view.fallback) {
        return Done{};
    }
    return Error{fmt::format(
        "still in the kernel: {}",
        view.tables->empty()
            ? std::string("the fallback table")
            : fmt::format("the table {} killswitchd", word(view.tables->begin()->first)))};
}

Outcome change(const Paths& paths, World world, const Request& request, const std::string& by) {
    State& state = world.state;
    const Policy* const policy = world.config.ok() ? &state.policy : nullptr;
    if (needs_service(request)) {
        return Refusal{Refusal::Why::unsafe, "the service does not run, so nothing would end it",
                       "start the service first"};
    }
    auto wished = apply(state.intents, request, policy, state.now);
    if (!wished) {
        return wished.error();
    }
    if (ServiceLock::is_taken(paths.runtime_dir)) {
        return Error{"a killswitchd runs that cannot be asked, and it would undo this; run: "
                     "systemctl restart killswitchd.service, then again"};
    }
    state.intents = *std::move(wished);
    state.asked_by = by;
    take_tunnels_down(state);
    auto nftables = open_owner(state.policy.ownership);
    if (!nftables) {
        return nftables.error();
    }
    if (policy == nullptr) {  // Then only the built-in lock can hold, which is that of no tunnel.
        state.policy.mode = Mode::always;
    }
    auto done = enforce(paths, world, *std::move(nftables));
    if (!done) {
        return done.error();
    }
    if (!done->wanted) {
        auto look_again = Nftables::open(Ownership::off);
        const Status open = look_again ? prove_open(*look_again) : Status(look_again.error());
        if (!open) {
            return open.error();
        }
    }
    return *std::move(done);
}

}  // namespace ks
