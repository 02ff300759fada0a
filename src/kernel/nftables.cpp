// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "nft_plan.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::uint32_t kOwnedAndPersistent = 0x6;
constexpr int kAttempts = 100;

/// All our tables, of one generation.
struct Picture {
    Snapshot inet;
    Snapshot arp;

    [[nodiscard]] bool anything() const { return inet.table || arp.table; }
    /// As callers know it: without the table `inet killswitchd` there is nothing.
    [[nodiscard]] std::optional<LiveTable> whole() && {
        if (inet.table && arp.table) {
            inet.table->beside.push_back(*std::move(arp.table));
        }
        return std::move(inet.table);
    }
};

Result<Picture> read_all(NftSocket& socket) {
    for (int attempt = 0;; ++attempt) {
        auto inet = read_table(socket, TableFamily::inet);
        if (!inet) {
            return std::move(inet).error();
        }
        auto arp = read_table(socket, TableFamily::arp);
        if (!arp) {
            return std::move(arp).error();
        }
        if (inet->generation == arp->generation || attempt == kAttempts) {
            return Picture{*std::move(inet), *std::move(arp)};
        }
    }
}

/// Whether the kernel refused because the world had changed, so that asking again makes sense.
bool overtaken(const Error& error) {
    return error.sys_errno == ERESTART || error.sys_errno == ENOENT || error.sys_errno == ETIMEDOUT;
}

}  // namespace

struct Nftables::Impl {
    NftSocket socket;
    Ownership ownership;
    bool can_own = true;  ///< Until the kernel has said that it cannot.

    [[nodiscard]] bool wants_ownership() const {
        return ownership == Ownership::automatic && can_own;
    }
    Status plan_family(Batch& batch, TableFamily family, const Ruleset& ruleset,
                       const LiveTable& expected, const Snapshot& live) const;
    /// Whether the kernel's rules had to be touched.
    enum class Change : std::uint8_t { none, committed };
    Result<Change> commit_once(const Ruleset& ruleset, const LiveTable& expected,
                               const Picture& live);
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
    auto picture = read_all(impl_->socket);
    if (!picture) {
        return std::move(picture).error();
    }
    return std::move(*picture).whole();
}

Status Nftables::Impl::plan_family(Batch& batch, TableFamily family, const Ruleset& ruleset,
                                   const LiveTable& expected, const Snapshot& live) const {
    const bool orphaned = live.table && live.table->owner == TableOwner::orphan;
    const std::uint32_t kept = live.table ? live.flags & kOwnedAndPersistent : 0;
    const bool claim = orphaned && wants_ownership();
    const std::uint32_t flags =
        claim || (!live.table && wants_ownership()) ? kOwnedAndPersistent : kept;
    batch.select(family);
    return plan(batch, part_of(ruleset, family), expected, live, flags,
                claim ? Claim::yes : Claim::no);
}

Result<Nftables::Impl::Change> Nftables::Impl::commit_once(const Ruleset& ruleset,
                                                           const LiveTable& expected,
                                                           const Picture& live) {
    Batch batch(socket, live.inet.generation);
    const LiveTable nothing;
    const LiveTable& arp = expected.beside.empty() ? nothing : expected.beside.front();
    auto planned = plan_family(batch, TableFamily::inet, ruleset, expected, live.inet);
    if (planned) {
        planned = plan_family(batch, TableFamily::arp, ruleset, arp, live.arp);
    }
    if (!planned) {
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
        auto live = read_all(socket);
        if (!live) {
            return live.error();
        }
        auto committed = commit_once(ruleset, expected, *live);
        if (committed && *committed == Change::none) {
            return std::move(*live).whole();
        }
        if (committed) {
            auto after = read_all(socket);
            return after ? Result(std::move(*after).whole()) : std::move(after).error();
        }
        const std::optional<LiveTable>& table = live->inet.table;
        if (committed.error().sys_errno == EPERM && table && table->owner == TableOwner::somebody) {
            return std::move(committed).error().within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        const int failure = committed.error().sys_errno;
        const bool unknown_flags = failure == EOPNOTSUPP || failure == EINVAL;
        if (unknown_flags && wants_ownership() && !table) {
            can_own = false;
            continue;
        }
        if (!overtaken(committed.error()) || attempt == kAttempts) {
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
        const auto live = read_all(impl_->socket);
        if (!live) {
            return live.error();
        }
        if (!live->anything()) {
            return Done{};
        }
        Batch batch(impl_->socket, live->inet.generation);
        for (const auto& [family, table] :
             {std::pair{TableFamily::inet, &live->inet}, std::pair{TableFamily::arp, &live->arp}}) {
            if (table->table) {
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

Result<std::uint32_t> Nftables::generation() {
    return read_generation(impl_->socket);
}

}  // namespace ks
