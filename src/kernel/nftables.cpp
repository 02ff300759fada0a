// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "nft_owner.hpp"
#include "nft_plan.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr const char* kHoldTable = "killswitchd-hold";
constexpr int kAttempts = 100;

/// All our tables, of one generation.
struct Picture {
    Snapshot inet;
    Snapshot arp;

    [[nodiscard]] const Snapshot& of(TableFamily family) const {
        return family == TableFamily::inet ? inet : arp;
    }
    [[nodiscard]] bool anything() const { return inet.table || arp.table; }
    /// As callers know it: without the table `inet killswitchd` there is nothing.
    [[nodiscard]] std::optional<LiveTable> whole() && {
        if (inet.table && arp.table) {
            inet.table->beside.push_back(*std::move(arp.table));
        }
        return std::move(inet.table);
    }
};

Result<Picture> read_all(NftSocket& socket, const char* name = kTable) {
    for (int attempt = 0;; ++attempt) {
        auto inet = read_table(socket, TableFamily::inet, name);
        if (!inet) {
            return std::move(inet).error();
        }
        auto arp = read_table(socket, TableFamily::arp, name);
        if (!arp) {
            return std::move(arp).error();
        }
        if (inet->generation == arp->generation || attempt == kAttempts) {
            return Picture{*std::move(inet), *std::move(arp)};
        }
    }
}

constexpr std::array kFamilies{TableFamily::inet, TableFamily::arp};

const LiveTable& part_of(const LiveTable& expected, TableFamily family) {
    static const LiveTable nothing;
    if (family == TableFamily::inet) {
        return expected;
    }
    return expected.beside.empty() ? nothing : expected.beside.front();
}

bool goes_with_its_owner(const std::optional<LiveTable>& table) {
    return table && !table->persist &&
           (table->owner == TableOwner::us || table->owner == TableOwner::somebody);
}

Status remove_tables(NftSocket& socket, const char* name) {
    for (int attempt = 0;; ++attempt) {
        const auto live = read_all(socket, name);
        if (!live) {
            return live.error();
        }
        if (!live->anything()) {
            return Done{};
        }
        Batch batch(socket, live->inet.generation, name);
        for (const TableFamily family : kFamilies) {
            if (live->of(family).table) {
                batch.select(family);
                batch.delete_table();
            }
        }
        auto removed = batch.commit();
        if (removed) {
            continue;  // Proven by the next look.
        }
        if (!overtaken(removed.error()) || attempt == kAttempts) {
            return std::move(removed).error().within("removing the table");
        }
    }
}

/// Whether the kernel's rules had to be touched.
enum class Change : std::uint8_t { none, committed };

}  // namespace

struct Nftables::Impl {
    NftSocket socket;
    Ownership ownership;
    std::uint32_t able;  ///< best_flags() of this socket.

    /// What to do to the tables called `name`, and the flags to do it with.
    struct Target {
        const char* name;
        std::uint32_t flags;
    };
    [[nodiscard]] Target table() const {
        return {kTable, ownership == Ownership::automatic ? able : 0};
    }
    Result<Change> commit_once(const Target& target, const Ruleset& ruleset,
                               const LiveTable& expected, const Picture& live);
    /// \return the table as the kernel holds it afterwards.
    Result<std::optional<LiveTable>> try_apply(const Target& target, const Ruleset& ruleset,
                                               const LiveTable& expected);
    Status hold(const Ruleset& ruleset, const LiveTable& expected);
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

std::uint32_t Nftables::port() const {
    return impl_->socket.port();
}

void Nftables::prefer(Ownership ownership) {
    impl_->ownership = ownership;
}

Result<std::optional<LiveTable>> Nftables::read() {
    auto picture = read_all(impl_->socket);
    if (!picture) {
        return std::move(picture).error();
    }
    return std::move(*picture).whole();
}

namespace {

TableStep step_for(const LiveTable& expected, const std::optional<LiveTable>& live,
                   std::uint32_t flags) {
    if (!live) {
        return TableStep::keep;
    }
    // A plain table cannot be given an owner. Source: Linux nf_tables_updtable().
    if (incompatible(expected, *live) || (live->owner == TableOwner::none && flags != 0)) {
        return TableStep::rebuild;
    }
    return live->owner == TableOwner::orphan && flags != 0 ? TableStep::claim : TableStep::keep;
}

}  // namespace

Result<Change> Nftables::Impl::commit_once(const Target& target, const Ruleset& ruleset,
                                           const LiveTable& expected, const Picture& live) {
    std::uint32_t generation = live.inet.generation;
    const bool rebuilds = std::ranges::any_of(kFamilies, [&](TableFamily family) {
        return step_for(part_of(expected, family), live.of(family).table, target.flags) ==
               TableStep::rebuild;
    });
    if (rebuilds && target.name == kTable) {
        if (auto held = hold(ruleset, expected); !held) {
            return std::move(held).error().within("holding while the table is built anew");
        }
        const auto now = read_generation(socket);
        if (!now) {
            return now.error();
        }
        generation = *now;
    }
    Batch batch(socket, generation, target.name);
    for (const TableFamily family : kFamilies) {
        const Snapshot& there = live.of(family);
        const LiveTable& wanted = part_of(expected, family);
        const TableStep step = step_for(wanted, there.table, target.flags);
        const bool stays = there.table && step == TableStep::keep;
        batch.select(family);
        if (auto planned = plan(batch, part_of(ruleset, family), wanted, there,
                                stays ? there.flags & kOwnedAndPersistent : target.flags, step);
            !planned) {
            return std::move(planned).error();
        }
    }
    if (batch.empty()) {
        return Change::none;
    }
    if (auto committed = batch.commit(); !committed) {
        return std::move(committed).error();
    }
    return Change::committed;
}

Result<std::optional<LiveTable>>
Nftables::Impl::try_apply(const Target& target, const Ruleset& ruleset, const LiveTable& expected) {
    for (int attempt = 0;; ++attempt) {
        auto live = read_all(socket, target.name);
        if (!live) {
            return live.error();
        }
        auto committed = commit_once(target, ruleset, expected, *live);
        if (committed && *committed == Change::none) {
            return std::move(*live).whole();
        }
        if (committed) {
            auto after = read_all(socket, target.name);
            return after ? Result(std::move(*after).whole()) : std::move(after).error();
        }
        const std::optional<LiveTable>& table = live->inet.table;
        if (committed.error().sys_errno == EPERM && table && table->owner == TableOwner::somebody) {
            return std::move(committed).error().within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        if (!overtaken(committed.error()) || attempt == kAttempts) {
            return std::move(committed).error();
        }
    }
}

Status Nftables::Impl::hold(const Ruleset& ruleset, const LiveTable& expected) {
    const auto live = try_apply({kHoldTable, 0}, ruleset, expected);
    return live ? Status(Done{}) : live.error();
}

Status Nftables::apply(const Ruleset& ruleset) {
    const auto expected = expected_table(ruleset);
    if (!expected) {
        return expected.error();
    }
    const auto live = impl_->try_apply(impl_->table(), ruleset, *expected);
    if (!live) {
        return live.error();
    }
    if (const auto wrong = differences(*expected, *live); !wrong.empty()) {
        return Error{fmt::format("the kernel holds other rules than were committed: {}", wrong[0])};
    }
    const bool somebody_may_leave =
        goes_with_its_owner(*live) && (*live)->owner == TableOwner::somebody;
    return somebody_may_leave ? Status(Done{}) : remove_tables(impl_->socket, kHoldTable);
}

Status Nftables::remove() {
    if (auto removed = remove_tables(impl_->socket, kTable); !removed) {
        return removed;
    }
    return remove_tables(impl_->socket, kHoldTable);
}

Status Nftables::leave(const Ruleset& in_force) {
    const auto live = read();
    if (!live) {
        return live.error();
    }
    if (!goes_with_its_owner(*live)) {
        return Done{};
    }
    const auto expected = expected_table(in_force);
    return expected ? impl_->hold(in_force, *expected) : Status(expected.error());
}

Result<bool> Nftables::holds() {
    const auto live = read_table(impl_->socket, TableFamily::inet, kHoldTable);
    if (!live) {
        return live.error();
    }
    return live->table && !live->table->dormant;
}

Result<std::uint32_t> Nftables::generation() {
    return read_generation(impl_->socket);
}

}  // namespace ks
