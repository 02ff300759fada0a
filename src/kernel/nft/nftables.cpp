// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "killswitchd/desired_tables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "owner.hpp"
#include "probe.hpp"
#include "read.hpp"
#include "removal.hpp"
#include "writer.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace ks {

namespace {

bool goes_with_its_owner(const ObservedTable* table) {
    return table != nullptr && !table->persist &&
           (table->owner == TableOwner::us || table->owner == TableOwner::somebody);
}

}  // namespace

struct Nftables::Impl {
    NftSocket socket;
    Ownership ownership;
    std::uint32_t able;  ///< best_flags() of this socket.
    bool borrowed = false;
    std::optional<Error> raw_problem = {};
    /// Our tables as they were read last, of use for as long as the generation is the same.
    std::optional<Snapshot> known = {};
    Described described = {};  ///< What the last apply() wanted.
    std::optional<std::chrono::steady_clock::time_point> acknowledged = {};

    [[nodiscard]] Target table() const {
        return {kTable, ownership == Ownership::automatic ? able : 0};
    }
    /// A table that another socket owns can leave with it, without a new generation.
    void remember(Snapshot snapshot) {
        known.reset();
        if (!snapshot.any_of(TableOwner::somebody)) {
            known = std::move(snapshot);
        }
    }
};

Nftables::Nftables(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Nftables::Nftables(Nftables&&) noexcept = default;
Nftables& Nftables::operator=(Nftables&&) noexcept = default;
Nftables::~Nftables() = default;

Result<Nftables> Nftables::open(Ownership ownership, Fd held) {
    const Lifetime lifetime = held ? Lifetime::held : Lifetime::process;
    auto socket = held ? NftSocket::adopt(std::move(held)) : NftSocket::open();
    if (!socket) {
        return std::move(socket).error();
    }
    auto impl = std::make_unique<Impl>(Impl{*std::move(socket), ownership, 0});
    if (auto alive = read_generation(impl->socket); !alive) {
        return std::move(alive).error().within("asking the kernel for nftables");
    }
    impl->able = best_flags(impl->socket, lifetime);
    return Nftables(std::move(impl));
}

Result<Nftables> Nftables::borrow(Ownership ownership, Fd held) {
    auto borrowed = open(ownership, std::move(held));
    if (borrowed) {
        borrowed->impl_->borrowed = true;
    }
    return borrowed;
}

std::uint32_t Nftables::port() const {
    return impl_->socket.port();
}

void Nftables::prefer(Ownership ownership) {
    impl_->ownership = ownership;
}

Result<ObservedTables> Nftables::read() {
    auto snapshot = read_snapshot(impl_->socket, kTable);
    if (!snapshot) {
        return std::move(snapshot).error();
    }
    ObservedTables tables = snapshot->tables;
    impl_->remember(*std::move(snapshot));
    return tables;
}

Status Nftables::apply(const Ruleset& ruleset) {
    auto desired = desired_tables(ruleset, std::exchange(impl_->described, {}));
    if (!desired) {
        return std::move(desired).error();
    }
    impl_->raw_problem.reset();
    Writer writer(impl_->socket);
    auto standing =
        writer.write(impl_->table(), {ruleset, *desired}, std::exchange(impl_->known, {}));
    impl_->acknowledged = writer.acknowledged();
    impl_->described = {ruleset, *std::move(desired)};
    if (!standing) {
        return std::move(standing).error();
    }
    impl_->raw_problem = std::move(standing->raw_problem);
    const ObservedTable* const inet = find_table(standing->snapshot.tables, TableFamily::inet);
    const bool stays =
        goes_with_its_owner(inet) && (impl_->borrowed || inet->owner == TableOwner::somebody);
    const bool fallback = standing->snapshot.fallback;
    impl_->remember(std::move(standing->snapshot));
    return fallback && !stays ? remove_tables(impl_->socket, kFallbackTable) : Status(Done{});
}

const std::optional<Error>& Nftables::raw_problem() const {
    return impl_->raw_problem;
}

std::optional<std::chrono::steady_clock::time_point> Nftables::acknowledged() const {
    return impl_->acknowledged;
}

RawSupport Nftables::raw_support() {
    return probe_egress(impl_->socket);
}

LogSupport Nftables::log_support() {
    return probe_log(impl_->socket);
}

Status Nftables::remove() {
    if (auto removed = remove_tables(impl_->socket, kTable); !removed) {
        return removed;
    }
    return remove_tables(impl_->socket, kFallbackTable);
}

Status Nftables::leave(const Ruleset& in_force) {
    const auto there = read();
    if (!there) {
        return there.error();
    }
    if (!goes_with_its_owner(find_table(*there, TableFamily::inet))) {
        return Done{};
    }
    const auto desired = desired_tables(in_force);
    if (!desired) {
        return desired.error();
    }
    const auto held = Writer(impl_->socket).write({kFallbackTable, 0}, {in_force, *desired});
    return held ? Status(Done{}) : held.error();
}

Result<bool> Nftables::fallback_stands() {
    const auto there = read_snapshot(impl_->socket, kFallbackTable);
    if (!there) {
        return there.error();
    }
    const ObservedTable* const inet = find_table(there->tables, TableFamily::inet);
    return inet != nullptr && !inet->dormant;
}

Result<std::uint32_t> Nftables::generation() {
    return read_generation(impl_->socket);
}

}  // namespace ks
