// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "nft_plan.hpp"
#include "nft_probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::uint32_t kOwnedAndPersistent = 0x6;
constexpr int kAttempts = 100;

/// All our tables, of one generation.
struct Picture {
    std::array<Snapshot, kFamilies.size()> parts;

    [[nodiscard]] const Snapshot& of(TableFamily family) const {
        return parts[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] std::uint32_t generation() const { return parts[0].generation; }
    [[nodiscard]] bool anything() const {
        return std::ranges::any_of(parts, [](const Snapshot& part) { return !!part.table; });
    }
    /// As callers know it: without the table `inet killswitchd` there is nothing.
    [[nodiscard]] std::optional<LiveTable> whole() && {
        std::optional<LiveTable> inet = std::move(parts[0].table);
        for (Snapshot& part : parts) {
            if (inet && part.table && part.table->family != TableFamily::inet) {
                inet->beside.push_back(*std::move(part.table));
            }
        }
        return inet;
    }
};

Result<Picture> read_all(NftSocket& socket) {
    for (int attempt = 0;; ++attempt) {
        Picture picture;
        for (const TableFamily family : kFamilies) {
            auto part = read_table(socket, family);
            if (!part) {
                return std::move(part).error();
            }
            picture.parts[static_cast<std::size_t>(family)] = *std::move(part);
        }
        const bool whole = std::ranges::all_of(picture.parts, [&](const Snapshot& part) {
            return part.generation == picture.generation();
        });
        if (whole || attempt == kAttempts) {
            return picture;
        }
    }
}

/// The table of one family, empty where there is none.
LiveTable live_part(const LiveTable& table, TableFamily family) {
    const LiveTable* const part = find_family(table, family);
    return part == nullptr ? LiveTable{family} : *part;
}

/// Whether the kernel refused because the world had changed, so that asking again makes sense.
bool overtaken(const Error& error) {
    return error.sys_errno == ERESTART || error.sys_errno == ENOENT || error.sys_errno == ETIMEDOUT;
}

/// Whether the kernel refused the attachment of `chain` to its device. See Batch::create().
bool is_about(const Error& error, const Chain& chain) {
    return error.what == fmt::format("kernel refused chain {}", chain.name);
}

/// Whether the kernel refused to make a table as it was wanted. See Batch::create_table().
bool is_about_table(const Error& error) {
    return error.what.starts_with("kernel refused table ");
}

bool names_chain(const Error& error, const Ruleset& ruleset) {
    return std::ranges::any_of(ruleset.chains, [&](const Chain& chain) {
        return chain.hook == Hook::egress && is_about(error, chain);
    });
}

Error unlike(const std::vector<std::string>& wrong) {
    return Error{fmt::format("the kernel holds other rules than were committed: {}", wrong[0])};
}

bool is_second_layer(const LiveTable& table) {
    return table.family == TableFamily::netdev;
}

constexpr std::array kFirstLayer{TableFamily::inet, TableFamily::arp};
constexpr std::array kSecondLayer{TableFamily::netdev};

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
    Result<Change> commit_once(std::span<const TableFamily> families, const Ruleset& ruleset,
                               const LiveTable& expected, const Picture& live);
    /// Makes the tables of `families` those of `ruleset`. \return what the kernel holds afterwards.
    Result<Picture> try_apply(std::span<const TableFamily> families, const Ruleset& ruleset,
                              const LiveTable& expected);
    /// The second layer, which must not keep the first from standing.
    Status apply_raw(Ruleset ruleset);
    std::optional<Error> raw_problem;
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

Result<Nftables::Impl::Change> Nftables::Impl::commit_once(std::span<const TableFamily> families,
                                                           const Ruleset& ruleset,
                                                           const LiveTable& expected,
                                                           const Picture& live) {
    Batch batch(socket, live.generation());
    for (const TableFamily family : families) {
        auto planned =
            plan_family(batch, family, ruleset, live_part(expected, family), live.of(family));
        if (!planned) {
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

Result<Picture> Nftables::Impl::try_apply(std::span<const TableFamily> families,
                                          const Ruleset& ruleset, const LiveTable& expected) {
    for (int attempt = 0;; ++attempt) {
        auto live = read_all(socket);
        if (!live) {
            return live;
        }
        auto committed = commit_once(families, ruleset, expected, *live);
        if (committed) {
            return *committed == Change::none ? std::move(live) : read_all(socket);
        }
        const std::optional<LiveTable>& table = live->of(families.front()).table;
        if (committed.error().sys_errno == EPERM && table && table->owner == TableOwner::somebody) {
            return std::move(committed).error().within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        const int failure = committed.error().sys_errno;
        const bool unknown_flags = failure == EOPNOTSUPP || failure == EINVAL;
        if (unknown_flags && wants_ownership() && is_about_table(committed.error())) {
            can_own = false;
            continue;
        }
        const bool chain_of_device = names_chain(committed.error(), ruleset);
        if (chain_of_device || !overtaken(committed.error()) || attempt == kAttempts) {
            return std::move(committed).error();
        }
    }
}

Status Nftables::Impl::apply_raw(Ruleset ruleset) {
    std::optional<Error> without;
    for (;;) {
        const auto expected = expected_table(ruleset);
        if (!expected) {
            return expected.error();
        }
        auto live = try_apply(kSecondLayer, ruleset, *expected);
        if (live) {
            return without ? Status(*std::move(without)) : Status(Done{});
        }
        // A device that went away, or cannot have the hook, must not keep it from the others.
        const auto gone = std::erase_if(ruleset.chains, [&](const Chain& chain) {
            return chain.hook == Hook::egress && is_about(live.error(), chain);
        });
        if (gone == 0) {
            return std::move(live).error();
        }
        without = std::move(live).error();
    }
}

Status Nftables::apply(const Ruleset& ruleset) {
    const auto expected = expected_table(ruleset);
    if (!expected) {
        return expected.error();
    }
    impl_->raw_problem.reset();
    auto live = impl_->try_apply(kFamilies, ruleset, *expected);
    if (!live) {  // Whatever it was, the second layer must not keep the first from standing.
        live = impl_->try_apply(kFirstLayer, ruleset, *expected);
        if (!live) {
            return std::move(live).error();
        }
        if (auto raw = impl_->apply_raw(ruleset); !raw) {
            impl_->raw_problem = std::move(raw).error();
        }
        live = read_all(impl_->socket);
        if (!live) {
            return std::move(live).error();
        }
    }
    auto found = std::move(*live).whole();
    auto wrong = differences(*expected, found);
    if (wrong.empty()) {
        return Done{};
    }
    if (!impl_->raw_problem) {
        impl_->raw_problem = unlike(wrong);
    }
    auto first = *expected;
    std::erase_if(first.beside, is_second_layer);
    if (found) {
        std::erase_if(found->beside, is_second_layer);
    }
    wrong = differences(first, found);
    return wrong.empty() ? Status(Done{}) : Status(unlike(wrong));
}

const std::optional<Error>& Nftables::raw_problem() const {
    return impl_->raw_problem;
}

RawSupport Nftables::raw_support() {
    return probe_egress(impl_->socket);
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
        Batch batch(impl_->socket, live->generation());
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

Result<std::uint32_t> Nftables::generation() {
    return read_generation(impl_->socket);
}

}  // namespace ks
