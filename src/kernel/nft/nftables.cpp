// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "killswitchd/expected_table.hpp"
#include "killswitchd/live_table.hpp"
#include "owner.hpp"
#include "picture.hpp"
#include "plan.hpp"
#include "probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr const char* kHoldTable = "killswitchd-hold";

constexpr std::array kFirstLayer{TableFamily::inet, TableFamily::arp};
constexpr std::array kSecondLayer{TableFamily::netdev};

/// The table of one family, empty where there is none.
LiveTable live_part(const LiveTable& table, TableFamily family) {
    const LiveTable* const part = find_family(table, family);
    return part == nullptr ? LiveTable{family} : *part;
}

bool goes_with_its_owner(const std::optional<LiveTable>& table) {
    return table && !table->persist &&
           (table->owner == TableOwner::us || table->owner == TableOwner::somebody);
}

/// Whether the kernel refused the attachment of `chain` to its device. See Batch::create().
bool is_about(const Error& error, const Chain& chain) {
    return chain.hook == Hook::egress &&
           error.what == fmt::format("kernel refused chain {}", chain.name);
}

bool is_about_device(const Error& error, const Ruleset& ruleset) {
    return std::ranges::any_of(ruleset.chains,
                               [&](const Chain& chain) { return is_about(error, chain); });
}

Error unlike(const std::vector<std::string>& wrong) {
    return Error{fmt::format("the kernel holds other rules than were committed: {}", wrong[0])};
}

bool is_second_layer(const LiveTable& table) {
    return table.family == TableFamily::netdev;
}

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

/// Whether the kernel's rules had to be touched.
enum class Change : std::uint8_t { none, committed };

}  // namespace

struct Nftables::Impl {
    NftSocket socket;
    Ownership ownership;
    std::uint32_t able;  ///< best_flags() of this socket.
    std::optional<Error> raw_problem = {};

    /// What to do to the tables called `name`, and the flags to do it with.
    struct Target {
        const char* name;
        std::uint32_t flags;
    };
    using Families = std::span<const TableFamily>;
    [[nodiscard]] Target table() const {
        return {kTable, ownership == Ownership::automatic ? able : 0};
    }
    Result<Change> commit_once(const Target& target, Families families, const Ruleset& ruleset,
                               const LiveTable& expected, const Picture& live);
    /// Makes the tables of `families` those of `ruleset`. \return what the kernel holds afterwards.
    Result<Picture> try_apply(const Target& target, Families families, const Ruleset& ruleset,
                              const LiveTable& expected);
    /// The second layer alone, at every device that can have it. \return why not at all of them.
    std::optional<Error> try_devices(const Target& target, Ruleset ruleset);
    /// Both layers; where the kernel refuses, the first stands without the second.
    /// \return what the kernel holds afterwards, and why it is not both.
    struct Standing {
        std::optional<LiveTable> table;
        std::optional<Error> raw_problem;
    };
    Result<Standing> stand(const Target& target, const Ruleset& ruleset, const LiveTable& expected);
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
    auto picture = read_all(impl_->socket, kTable);
    if (!picture) {
        return std::move(picture).error();
    }
    return std::move(*picture).whole();
}

Result<Change> Nftables::Impl::commit_once(const Target& target, Families families,
                                           const Ruleset& ruleset, const LiveTable& expected,
                                           const Picture& live) {
    std::uint32_t generation = live.generation();
    const bool rebuilds = std::ranges::any_of(families, [&](TableFamily family) {
        return step_for(live_part(expected, family), live.of(family).table, target.flags) ==
               TableStep::rebuild;
    });
    if (rebuilds && target.name == kTable) {
        if (auto held = stand({kHoldTable, 0}, ruleset, expected); !held) {
            return std::move(held).error().within("holding while the table is built anew");
        }
        const auto now = read_generation(socket);
        if (!now) {
            return now.error();
        }
        generation = *now;
    }
    Batch batch(socket, generation, target.name);
    for (const TableFamily family : families) {
        const Snapshot& there = live.of(family);
        const LiveTable wanted = live_part(expected, family);
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

Result<Picture> Nftables::Impl::try_apply(const Target& target, Families families,
                                          const Ruleset& ruleset, const LiveTable& expected) {
    for (int attempt = 0;; ++attempt) {
        auto live = read_all(socket, target.name);
        if (!live) {
            return live;
        }
        auto committed = commit_once(target, families, ruleset, expected, *live);
        if (committed) {
            return *committed == Change::none ? std::move(live) : read_all(socket, target.name);
        }
        const std::optional<LiveTable>& table = live->of(families.front()).table;
        if (committed.error().sys_errno == EPERM && table && table->owner == TableOwner::somebody) {
            return std::move(committed).error().within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        if (is_about_device(committed.error(), ruleset) || !overtaken(committed.error()) ||
            attempt == kAttempts) {
            return std::move(committed).error();
        }
    }
}

std::optional<Error> Nftables::Impl::try_devices(const Target& target, Ruleset ruleset) {
    std::optional<Error> problem;
    for (;;) {
        const auto expected = expected_table(ruleset);
        if (!expected) {
            return expected.error();
        }
        auto live = try_apply(target, kSecondLayer, ruleset, *expected);
        if (live) {
            return problem;
        }
        // A device that went away, or cannot have the hook, must not keep it from the others.
        const auto gone = std::erase_if(
            ruleset.chains, [&](const Chain& chain) { return is_about(live.error(), chain); });
        problem = std::move(live).error();
        if (gone == 0) {
            return problem;
        }
    }
}

Result<Nftables::Impl::Standing> Nftables::Impl::stand(const Target& target, const Ruleset& ruleset,
                                                       const LiveTable& expected) {
    auto live = try_apply(target, kFamilies, ruleset, expected);
    if (live) {
        return Standing{std::move(*live).whole(), {}};
    }
    live = try_apply(target, kFirstLayer, ruleset, expected);
    if (!live) {
        return std::move(live).error();
    }
    auto problem = try_devices(target, ruleset);
    live = read_all(socket, target.name);
    if (!live) {
        return std::move(live).error();
    }
    return Standing{std::move(*live).whole(), std::move(problem)};
}

Status Nftables::apply(const Ruleset& ruleset) {
    auto expected = expected_table(ruleset);
    if (!expected) {
        return std::move(expected).error();
    }
    impl_->raw_problem.reset();
    auto live = impl_->stand(impl_->table(), ruleset, *expected);
    if (!live) {
        return std::move(live).error();
    }
    std::optional<LiveTable>& found = live->table;
    impl_->raw_problem = std::move(live->raw_problem);
    const bool somebody_may_leave =
        goes_with_its_owner(found) && found->owner == TableOwner::somebody;
    if (auto wrong = differences(*expected, found); !wrong.empty()) {
        if (!impl_->raw_problem) {
            impl_->raw_problem = unlike(wrong);
        }
        std::erase_if(expected->beside, is_second_layer);
        if (found) {
            std::erase_if(found->beside, is_second_layer);
        }
        wrong = differences(*expected, found);
        if (!wrong.empty()) {
            return unlike(wrong);
        }
    }
    return somebody_may_leave ? Status(Done{}) : remove_all(impl_->socket, kHoldTable);
}

const std::optional<Error>& Nftables::raw_problem() const {
    return impl_->raw_problem;
}

RawSupport Nftables::raw_support() {
    return probe_egress(impl_->socket);
}

Status Nftables::remove() {
    if (auto removed = remove_all(impl_->socket, kTable); !removed) {
        return removed;
    }
    return remove_all(impl_->socket, kHoldTable);
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
    if (!expected) {
        return expected.error();
    }
    const auto held = impl_->stand({kHoldTable, 0}, in_force, *expected);
    return held ? Status(Done{}) : held.error();
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
