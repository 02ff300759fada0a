// SPDX-License-Identifier: GPL-2.0-or-later
#include "writer.hpp"

#include "batch.hpp"
#include "killswitchd/desired_tables.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "read.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::array kFirstLayer{TableFamily::inet, TableFamily::arp};
constexpr std::array kSecondLayer{TableFamily::netdev};

/// The table of one family, empty where there is none.
const ObservedTable& part_in(const ObservedTables& tables, TableFamily family) {
    static const ObservedTable nothing;
    const ObservedTable* const part = find_table(tables, family);
    return part == nullptr ? nothing : *part;
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

/// What neither another look nor a table made anew can change.
bool is_final(const Error& error) {
    return error.sys_errno == EPERM || error.sys_errno == ENOMEM || error.sys_errno == ENOBUFS;
}

/// How the tables of `families` differ from what they should be; nothing when they do not.
std::optional<Error> wrong_in(std::span<const TableFamily> families, const Desired& desired,
                              const Snapshot& there) {
    if (equivalent(desired.tables, there.tables)) {
        return std::nullopt;
    }
    for (const Difference& wrong : differences(desired.ruleset, there.tables)) {
        if (std::ranges::find(families, wrong.family) != families.end()) {
            return Error{fmt::format("the kernel holds other rules than were committed: {}",
                                     describe(wrong))};
        }
    }
    return std::nullopt;
}

/// Whether only the second layer, if any, is not as it should be: making anew would not help it.
bool first_layer_is_right(std::span<const TableFamily> families, const Desired& desired,
                          const Snapshot& there) {
    return families.front() != TableFamily::inet || !wrong_in(kFirstLayer, desired, there);
}

/// The flags that a table that stays is to have.
std::uint32_t flags_for(const ObservedTable& there, std::uint32_t wanted) {
    return there.owner == TableOwner::orphan && wanted != 0 ? wanted
                                                            : flags_of(there) & kOwnedAndPersistent;
}

}  // namespace

struct Writer::Job {
    const Target& target;
    Families families;
    const Desired& desired;
    Method method = Method::in_place;
    bool covered = false;  ///< The fallback table stands meanwhile.

    [[nodiscard]] Method method_for(TableFamily family, const Snapshot& there) const {
        const ObservedTable* const table = find_table(there.tables, family);
        if (table == nullptr) {
            return Method::in_place;
        }
        // A plain table cannot be given an owner. Source: Linux nf_tables_updtable().
        const bool must = (table->owner == TableOwner::none && target.flags != 0) ||
                          !changeable(part_in(desired.tables, family), *table);
        return must ? Method::anew : method;
    }
};

Result<Writer::Progress> Writer::change_flags(const Job& job, const Snapshot& there) {
    Batch batch(socket_, there.generation, job.target.name);
    for (const TableFamily family : job.families) {
        const ObservedTable* const table = find_table(there.tables, family);
        if (table == nullptr || job.method_for(family, there) == Method::anew) {
            continue;
        }
        const std::uint32_t flags = flags_for(*table, job.target.flags);
        if (flags != flags_of(*table)) {
            batch.select(family);
            batch.create_table(flags);
        }
    }
    if (batch.empty()) {
        return Progress::agreed;
    }
    auto changed = batch.commit();
    return changed ? Result(Progress::prepared) : std::move(changed).error();
}

Result<Writer::Progress> Writer::commit(const Job& job, const Snapshot& there) {
    Batch batch(socket_, there.generation, job.target.name);
    for (const TableFamily family : job.families) {
        auto planned =
            plan(batch, job.desired.ruleset, family, part_in(job.desired.tables, family),
                 find_table(there.tables, family), job.target.flags, job.method_for(family, there));
        if (!planned) {
            return std::move(planned).error();
        }
    }
    if (batch.empty()) {
        return Progress::agreed;
    }
    if (auto committed = batch.commit(); !committed) {
        return std::move(committed).error();
    }
    acknowledged_ = std::chrono::steady_clock::now();
    return Progress::committed;
}

Result<Writer::Progress> Writer::advance(Job& job, const Snapshot& there) {
    const bool anew = std::ranges::any_of(job.families, [&](TableFamily family) {
        return job.method_for(family, there) == Method::anew;
    });
    if (anew && !job.covered && std::strcmp(job.target.name, kFallbackTable) != 0) {
        auto held = write({kFallbackTable, 0}, job.desired);
        if (!held) {
            return std::move(held).error().within(
                "loading the fallback table to build the other anew");
        }
        job.covered = true;
        return Progress::prepared;
    }
    // Order: in a transaction of its own, beside which the kernel creates no base chain.
    // Source: Linux nf_tables_addchain(), __NFT_TABLE_F_UPDATE.
    auto flags = change_flags(job, there);
    return !flags || *flags == Progress::prepared ? std::move(flags) : commit(job, there);
}

Result<Snapshot> Writer::write_families(const Target& target, Families families,
                                        const Desired& desired, std::optional<Snapshot> known) {
    Job job{target, families, desired};
    std::optional<Error> in_place;  // Why the table could not be changed where it stands.
    for (int attempt = 0;; ++attempt) {
        const bool guessed = known.has_value();
        auto there =
            guessed ? Result(*std::exchange(known, {})) : read_snapshot(socket_, target.name);
        if (!there) {
            return there;
        }
        auto progress = advance(job, *there);
        if (progress && *progress == Progress::prepared && attempt < kAttempts) {
            continue;
        }
        std::optional<Error> error;
        if (progress) {
            if (guessed || *progress == Progress::committed) {
                there = read_snapshot(socket_, target.name);
            }
            if (!there) {
                return there;
            }
            error = wrong_in(families, desired, *there);
            if (!error) {
                return there;
            }
        } else {
            error = std::move(progress).error();
        }
        if (attempt < kAttempts && (guessed || overtaken(*error))) {
            continue;
        }
        if (error->sys_errno == EPERM && there->any_of(TableOwner::somebody)) {
            return std::move(*error).within(
                "the table belongs to another process, probably to a killswitchd that runs");
        }
        const bool tried_anew = job.method == Method::anew || there->tables.empty();
        if (tried_anew || is_final(*error) || is_about_device(*error, desired.ruleset) ||
            (progress && first_layer_is_right(families, desired, *there))) {
            return in_place ? *std::move(in_place) : *std::move(error);
        }
        in_place = std::move(error);
        job.method = Method::anew;
    }
}

std::optional<Error> Writer::write_devices(const Target& target, Ruleset ruleset) {
    std::optional<Error> problem;
    for (;;) {
        const auto tables = desired_tables(ruleset);
        if (!tables) {
            return tables.error();
        }
        auto there = write_families(target, kSecondLayer, {ruleset, *tables}, {});
        if (there) {
            return problem;
        }
        // A device that went away, or cannot have the hook, must not keep it from the others.
        const auto gone = std::erase_if(
            ruleset.chains, [&](const Chain& chain) { return is_about(there.error(), chain); });
        problem = std::move(there).error();
        if (gone == 0) {
            return problem;
        }
    }
}

Result<Writer::Standing> Writer::write(const Target& target, const Desired& desired,
                                       std::optional<Snapshot> known) {
    auto there = write_families(target, kFamilies, desired, std::move(known));
    if (there) {
        return Standing{*std::move(there), {}};
    }
    there = write_families(target, kFirstLayer, desired, {});
    if (!there) {
        return std::move(there).error();
    }
    auto problem = write_devices(target, desired.ruleset);
    there = read_snapshot(socket_, target.name);
    if (!there) {
        return std::move(there).error();
    }
    return Standing{*std::move(there), std::move(problem)};
}

}  // namespace ks
