// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables.hpp"

#include "killswitchd/desired_tables.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/observed_tables.hpp"
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

namespace ks {

namespace {

constexpr const char* kHoldTable = "killswitchd-hold";

constexpr std::array kFirstLayer{TableFamily::inet, TableFamily::arp};
constexpr std::array kSecondLayer{TableFamily::netdev};

/// The table of one family, empty where there is none.
ObservedTable part_of(const ObservedTables& tables, TableFamily family) {
    const ObservedTable* const part = find_table(tables, family);
    return part == nullptr ? ObservedTable{} : *part;
}

bool goes_with_its_owner(const ObservedTable* table) {
    return table != nullptr && !table->persist &&
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

Error unlike(const Difference& wrong) {
    return Error{
        fmt::format("the kernel holds other rules than were committed: {}", describe(wrong))};
}

TableStep step_for(const ObservedTable& desired, const std::optional<ObservedTable>& observed,
                   std::uint32_t flags) {
    if (!observed) {
        return TableStep::keep;
    }
    // A plain table cannot be given an owner. Source: Linux nf_tables_updtable().
    if (incompatible(desired, *observed) || (observed->owner == TableOwner::none && flags != 0)) {
        return TableStep::rebuild;
    }
    return observed->owner == TableOwner::orphan && flags != 0 ? TableStep::claim : TableStep::keep;
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
                               const ObservedTables& desired, const Picture& observed);
    /// Makes the tables of `families` those of `ruleset`. \return what the kernel holds afterwards.
    Result<Picture> try_apply(const Target& target, Families families, const Ruleset& ruleset,
                              const ObservedTables& desired);
    /// The second layer alone, at every device that can have it. \return why not at all of them.
    std::optional<Error> try_devices(const Target& target, Ruleset ruleset);
    /// Both layers; where the kernel refuses, the first stands without the second.
    /// \return what the kernel holds afterwards, and why it is not both.
    struct Standing {
        ObservedTables tables;
        std::optional<Error> raw_problem;
    };
    Result<Standing> stand(const Target& target, const Ruleset& ruleset,
                           const ObservedTables& desired);
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

Result<ObservedTables> Nftables::read() {
    auto picture = read_all(impl_->socket, kTable);
    if (!picture) {
        return std::move(picture).error();
    }
    return std::move(*picture).tables();
}

Result<Change> Nftables::Impl::commit_once(const Target& target, Families families,
                                           const Ruleset& ruleset, const ObservedTables& desired,
                                           const Picture& observed) {
    std::uint32_t generation = observed.generation();
    const bool rebuilds = std::ranges::any_of(families, [&](TableFamily family) {
        return step_for(part_of(desired, family), observed.of(family).table, target.flags) ==
               TableStep::rebuild;
    });
    if (rebuilds && target.name == kTable) {
        if (auto held = stand({kHoldTable, 0}, ruleset, desired); !held) {
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
        const Snapshot& there = observed.of(family);
        const ObservedTable wanted = part_of(desired, family);
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
                                          const Ruleset& ruleset, const ObservedTables& desired) {
    for (int attempt = 0;; ++attempt) {
        auto observed = read_all(socket, target.name);
        if (!observed) {
            return observed;
        }
        auto committed = commit_once(target, families, ruleset, desired, *observed);
        if (committed) {
            return *committed == Change::none ? std::move(observed) : read_all(socket, target.name);
        }
        const std::optional<ObservedTable>& table = observed->of(families.front()).table;
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
        const auto desired = desired_tables(ruleset);
        if (!desired) {
            return desired.error();
        }
        auto observed = try_apply(target, kSecondLayer, ruleset, *desired);
        if (observed) {
            return problem;
        }
        // A device that went away, or cannot have the hook, must not keep it from the others.
        const auto gone = std::erase_if(
            ruleset.chains, [&](const Chain& chain) { return is_about(observed.error(), chain); });
        problem = std::move(observed).error();
        if (gone == 0) {
            return problem;
        }
    }
}

Result<Nftables::Impl::Standing> Nftables::Impl::stand(const Target& target, const Ruleset& ruleset,
                                                       const ObservedTables& desired) {
    auto observed = try_apply(target, kFamilies, ruleset, desired);
    if (observed) {
        return Standing{std::move(*observed).tables(), {}};
    }
    observed = try_apply(target, kFirstLayer, ruleset, desired);
    if (!observed) {
        return std::move(observed).error();
    }
    auto problem = try_devices(target, ruleset);
    observed = read_all(socket, target.name);
    if (!observed) {
        return std::move(observed).error();
    }
    return Standing{std::move(*observed).tables(), std::move(problem)};
}

Status Nftables::apply(const Ruleset& ruleset) {
    auto desired = desired_tables(ruleset);
    if (!desired) {
        return std::move(desired).error();
    }
    impl_->raw_problem.reset();
    auto standing = impl_->stand(impl_->table(), ruleset, *desired);
    if (!standing) {
        return std::move(standing).error();
    }
    ObservedTables& observed = standing->tables;
    impl_->raw_problem = std::move(standing->raw_problem);
    if (!equivalent(*desired, observed)) {
        const std::vector<Difference> wrong = differences(ruleset, observed);
        for (const Difference& difference : wrong) {
            if (difference.family != TableFamily::netdev) {
                return unlike(difference);
            }
        }
        if (!impl_->raw_problem) {
            impl_->raw_problem = unlike(wrong[0]);
        }
    }
    const ObservedTable* const first = find_table(observed, TableFamily::inet);
    const bool somebody_may_leave =
        goes_with_its_owner(first) && first->owner == TableOwner::somebody;
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
    const auto observed = read();
    if (!observed) {
        return observed.error();
    }
    if (!goes_with_its_owner(find_table(*observed, TableFamily::inet))) {
        return Done{};
    }
    const auto desired = desired_tables(in_force);
    if (!desired) {
        return desired.error();
    }
    const auto held = impl_->stand({kHoldTable, 0}, in_force, *desired);
    return held ? Status(Done{}) : held.error();
}

Result<bool> Nftables::holds() {
    const auto observed = read_table(impl_->socket, TableFamily::inet, kHoldTable);
    if (!observed) {
        return observed.error();
    }
    return observed->table && !observed->table->dormant;
}

Result<std::uint32_t> Nftables::generation() {
    return read_generation(impl_->socket);
}

}  // namespace ks
