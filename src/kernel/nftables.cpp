// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "nft_plan.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::uint32_t kOwner = 0x2;
constexpr std::uint32_t kOwnedAndPersistent = 0x6;
constexpr const char* kHoldTable = "killswitchd-hold";
constexpr const char* kProbeTable = "killswitchd-probe";  // Asked about, never made.
constexpr int kAttempts = 100;

/// Of those errors of a commit after which another look and another try help.
bool overtaken(const Error& error) {
    return error.sys_errno == ERESTART || error.sys_errno == ENOENT || error.sys_errno == ETIMEDOUT;
}

bool accepts(NftSocket& socket, std::uint32_t flags) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto generation = read_generation(socket);
        if (!generation) {
            return false;
        }
        Batch batch(socket, *generation, kProbeTable);
        batch.create_table(flags);
        if (const auto done = batch.rehearse(); done || !overtaken(done.error())) {
            return static_cast<bool>(done);
        }
    }
    return false;
}

enum class Lifetime : std::uint8_t { process, held };

/// The strongest protection that the kernel has and that cannot take the table away with us.
std::uint32_t best_flags(NftSocket& socket, Lifetime lifetime) {
    if (accepts(socket, kOwnedAndPersistent)) {
        return kOwnedAndPersistent;
    }
    return lifetime == Lifetime::held && accepts(socket, kOwner) ? kOwner : 0;
}

bool goes_with_its_owner(const std::optional<LiveTable>& table) {
    return table && !table->persist &&
           (table->owner == TableOwner::us || table->owner == TableOwner::somebody);
}

Status remove_table(NftSocket& socket, const char* name) {
    for (int attempt = 0;; ++attempt) {
        const auto live = read_table(socket, name);
        if (!live) {
            return live.error();
        }
        if (!live->table) {
            return Done{};
        }
        Batch batch(socket, live->generation, name);
        batch.delete_table();
        auto removed = batch.commit();
        if (removed) {
            continue;  // Proven by the next look.
        }
        if (!overtaken(removed.error()) || attempt == kAttempts) {
            return std::move(removed).error().within("removing the table");
        }
    }
}

}  // namespace

struct Nftables::Impl {
    NftSocket socket;
    Ownership ownership;
    std::uint32_t able;  ///< best_flags() of this socket.

    [[nodiscard]] std::uint32_t wished() const {
        return ownership == Ownership::automatic ? able : 0;
    }
    [[nodiscard]] TableStep step_for(const LiveTable& expected, const Snapshot& live) const;
    Status commit_once(const Ruleset& ruleset, const LiveTable& expected, const Snapshot& live);
    Status try_apply(const Ruleset& ruleset, const LiveTable& expected);
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
    auto snapshot = read_table(impl_->socket);
    if (!snapshot) {
        return std::move(snapshot).error();
    }
    return std::move(snapshot->table);
}

TableStep Nftables::Impl::step_for(const LiveTable& expected, const Snapshot& live) const {
    if (!live.table) {
        return TableStep::keep;
    }
    const TableOwner owner = live.table->owner;
    // A plain table cannot be given an owner. Source: Linux nf_tables_updtable().
    if (incompatible(expected, *live.table) || (owner == TableOwner::none && wished() != 0)) {
        return TableStep::rebuild;
    }
    return owner == TableOwner::orphan && wished() != 0 ? TableStep::claim : TableStep::keep;
}

Status Nftables::Impl::commit_once(const Ruleset& ruleset, const LiveTable& expected,
                                   const Snapshot& live) {
    const TableStep step = step_for(expected, live);
    if (step == TableStep::rebuild) {
        if (auto held = hold(ruleset, expected); !held) {
            return std::move(held).error().within("holding while the table is built anew");
        }
    }
    const bool stays = live.table && step == TableStep::keep;
    const std::uint32_t flags = stays ? live.flags & kOwnedAndPersistent : wished();
    const auto generation = step == TableStep::rebuild ? read_generation(socket) : live.generation;
    if (!generation) {
        return generation.error();
    }
    Batch batch(socket, *generation);
    if (auto planned = plan(batch, ruleset, expected, live, flags, step); !planned) {
        return planned;
    }
    return batch.empty() ? Status(Done{}) : batch.commit();
}

Status Nftables::Impl::try_apply(const Ruleset& ruleset, const LiveTable& expected) {
    for (int attempt = 0;; ++attempt) {
        const auto live = read_table(socket);
        if (!live) {
            return live.error();
        }
        auto committed = commit_once(ruleset, expected, *live);
        if (committed) {
            return committed;
        }
        if (committed.error().sys_errno == EPERM && live->table &&
            live->table->owner == TableOwner::somebody) {
            return std::move(committed).error().within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        if (!overtaken(committed.error()) || attempt == kAttempts) {
            return committed;
        }
    }
}

Status Nftables::Impl::hold(const Ruleset& ruleset, const LiveTable& expected) {
    for (int attempt = 0;; ++attempt) {
        const auto live = read_table(socket, kHoldTable);
        if (!live) {
            return live.error();
        }
        const bool other = live->table && incompatible(expected, *live->table);
        Batch batch(socket, live->generation, kHoldTable);
        if (auto planned = plan(batch, ruleset, expected, *live, 0,
                                other ? TableStep::rebuild : TableStep::keep);
            !planned) {
            return planned;
        }
        auto committed = batch.empty() ? Status(Done{}) : batch.commit();
        if (committed || !overtaken(committed.error()) || attempt == kAttempts) {
            return committed;
        }
    }
}

Status Nftables::apply(const Ruleset& ruleset) {
    const auto expected = expected_table(ruleset);
    if (!expected) {
        return expected.error();
    }
    if (auto applied = impl_->try_apply(ruleset, *expected); !applied) {
        return applied;
    }
    const auto live = read();
    if (!live) {
        return live.error();
    }
    if (const auto wrong = differences(*expected, *live); !wrong.empty()) {
        return Error{fmt::format("the kernel holds other rules than were committed: {}", wrong[0])};
    }
    const bool somebody_may_leave =
        goes_with_its_owner(*live) && (*live)->owner == TableOwner::somebody;
    return somebody_may_leave ? Status(Done{}) : remove_table(impl_->socket, kHoldTable);
}

Status Nftables::remove() {
    if (auto removed = remove_table(impl_->socket, kTable); !removed) {
        return removed;
    }
    return remove_table(impl_->socket, kHoldTable);
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
    const auto live = read_table(impl_->socket, kHoldTable);
    if (!live) {
        return live.error();
    }
    return live->table && !live->table->dormant;
}

Result<std::uint32_t> Nftables::generation() {
    return read_generation(impl_->socket);
}

Result<LiveTable> expected_table(const Ruleset& ruleset) {
    LiveTable table;
    for (const Chain& chain : ruleset.chains) {
        const NftChain made = make_chain(chain);
        if (!made) {
            return Error{"out of memory", ENOMEM};
        }
        LiveChain live{chain.name, describe_base(made.get()), {}};
        for (const Rule& rule : chain.rules) {
            const NftRule encoded = make_rule(chain.name, rule);
            if (!encoded) {
                return Error{"out of memory", ENOMEM};
            }
            live.rules.push_back({describe_expressions(encoded.get()), comment_of(encoded.get())});
        }
        table.chains.push_back(std::move(live));
    }
    for (const Set& set : ruleset.sets) {
        const NftSet made = make_set(set);
        if (!made) {
            return Error{"out of memory", ENOMEM};
        }
        LiveSet live{set.name, describe_key(made.get()), {}};
        for (const Endpoint& element : set.elements) {
            live.elements.push_back(element_key(element, set.key));
        }
        std::ranges::sort(live.elements);
        table.sets.push_back(std::move(live));
    }
    for (const std::string& counter : ruleset.counters) {
        table.counters[counter] = {};
    }
    std::ranges::sort(table.chains, {}, &LiveChain::name);
    std::ranges::sort(table.sets, {}, &LiveSet::name);
    return table;
}

}  // namespace ks
