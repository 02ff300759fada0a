// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "nft_plan.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::uint32_t kOwnedAndPersistent = 0x6;
constexpr int kAttempts = 100;

}  // namespace

struct Nftables::Impl {
    NftSocket socket;
    Ownership ownership;
    bool can_own = true;  ///< Until the kernel has said that it cannot.

    [[nodiscard]] bool wants_ownership() const {
        return ownership == Ownership::automatic && can_own;
    }
    /// Whether the kernel's rules had to be touched.
    enum class Change : std::uint8_t { none, committed };
    Result<Change> commit_once(const Ruleset& ruleset, const LiveTable& expected,
                               const Snapshot& live);
    /// \return the table as the kernel holds it afterwards.
    Result<std::optional<LiveTable>> try_apply(const Ruleset& ruleset, const LiveTable& expected);
};

Nftables::Nftables(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Nftables::Nftables(Nftables&&) noexcept = default;
Nftables& Nftables::operator=(Nftables&&) noexcept = default;
Nftables::~Nftables() = default;

Result<Nftables> Nftables::open(Ownership ownership) {
    auto socket = NftSocket::open();
    if (!socket) {
        return std::move(socket).error();
    }
    auto impl = std::make_unique<Impl>(Impl{*std::move(socket), ownership});
    if (auto alive = read_generation(impl->socket); !alive) {
        return std::move(alive).error().within("asking the kernel for nftables");
    }
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

Result<Nftables::Impl::Change> Nftables::Impl::commit_once(const Ruleset& ruleset,
                                                           const LiveTable& expected,
                                                           const Snapshot& live) {
    const bool orphaned = live.table && live.table->owner == TableOwner::orphan;
    const std::uint32_t kept = live.table ? live.flags & kOwnedAndPersistent : 0;
    const bool claim = orphaned && wants_ownership();
    const std::uint32_t flags =
        claim || (!live.table && wants_ownership()) ? kOwnedAndPersistent : kept;
    Batch batch(socket, live.generation);
    if (auto planned = plan(batch, ruleset, expected, live, flags, claim ? Claim::yes : Claim::no);
        !planned) {
        return std::move(planned).error();
    }
    if (batch.empty()) {
        return Change::none;
    }
    if (auto committed = batch.commit(); !committed) {
        return std::move(committed).error();
    }
    return Change::committed;
}

Result<std::optional<LiveTable>> Nftables::Impl::try_apply(const Ruleset& ruleset,
                                                           const LiveTable& expected) {
    for (int attempt = 0;; ++attempt) {
        auto live = read_table(socket);
        if (!live) {
            return live.error();
        }
        auto committed = commit_once(ruleset, expected, *live);
        if (committed && *committed == Change::none) {
            return std::move(live->table);
        }
        if (committed) {
            auto after = read_table(socket);
            return after ? Result(std::move(after->table)) : std::move(after).error();
        }
        const int failure = committed.error().sys_errno;
        if (failure == EPERM && live->table && live->table->owner == TableOwner::somebody) {
            return std::move(committed).error().within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        const bool unknown_flags = failure == EOPNOTSUPP || failure == EINVAL;
        if (unknown_flags && wants_ownership() && !live->table) {
            can_own = false;
            continue;
        }
        const bool overtaken = failure == ERESTART || failure == ENOENT || failure == ETIMEDOUT;
        if (!overtaken || attempt == kAttempts) {
            return std::move(committed).error();
        }
    }
}

Status Nftables::apply(const Ruleset& ruleset) {
    const auto expected = expected_table(ruleset);
    if (!expected) {
        return expected.error();
    }
    const auto live = impl_->try_apply(ruleset, *expected);
    if (!live) {
        return live.error();
    }
    if (const auto wrong = differences(*expected, *live); !wrong.empty()) {
        return Error{fmt::format("the kernel holds other rules than were committed: {}", wrong[0])};
    }
    return Done{};
}

Status Nftables::remove() {
    for (int attempt = 0;; ++attempt) {
        const auto live = read_table(impl_->socket);
        if (!live) {
            return live.error();
        }
        if (!live->table) {
            return Done{};
        }
        Batch batch(impl_->socket, live->generation);
        batch.delete_table();
        auto removed = batch.commit();
        if (removed) {
            continue;  // Proven by the next look.
        }
        const int failure = removed.error().sys_errno;
        const bool overtaken = failure == ERESTART || failure == ENOENT || failure == ETIMEDOUT;
        if (!overtaken || attempt == kAttempts) {
            return std::move(removed).error().within("removing the table");
        }
    }
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
