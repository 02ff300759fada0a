// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/ruleset.hpp"
#include "plan.hpp"
#include "snapshot.hpp"
#include "socket.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

namespace ks {

/// Whose tables to write, and the flags to create or claim them with.
struct Target {
    const char* name;
    std::uint32_t flags;
};

/// What they are to hold.
struct Desired {
    const Ruleset& ruleset;
    const ObservedTables& tables;  ///< desired_tables(ruleset)
};

/// Makes tables what they should be, whatever they are now; see Nftables::apply().
class Writer {
  public:
    explicit Writer(NftSocket& socket) : socket_(socket) {}

    struct Standing {
        Snapshot snapshot;                 ///< Read after the last commit.
        std::optional<Error> raw_problem;  ///< Why it lacks rules at some device.
    };
    /// Writes both layers; where the kernel refuses, the first stands without the second.
    /// \param known  What the kernel held when it was last read. It need not be so any more: the
    ///               kernel refuses what was planned on an older generation.
    [[nodiscard]] Result<Standing> write(const Target& target, const Desired& desired,
                                         std::optional<Snapshot> known = {});
    /// When the kernel acknowledged the last commit of rules; absent before the first.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> acknowledged() const {
        return acknowledged_;
    }

  private:
    using Families = std::span<const TableFamily>;
    struct Job;
    /// How far one look at the kernel has led.
    enum class Progress : std::uint8_t {
        prepared,  ///< The next look is needed before the rules can be committed.
        agreed,    ///< There was nothing to commit.
        committed,
    };

    /// \return what the kernel holds afterwards, compared with what it should.
    Result<Snapshot> write_families(const Target& target, Families families, const Desired& desired,
                                    std::optional<Snapshot> known);
    Result<Progress> advance(Job& job, const Snapshot& there);
    Result<Progress> change_flags(const Job& job, const Snapshot& there);
    Result<Progress> commit(const Job& job, const Snapshot& there);
    /// The second layer alone, at every device that can have it. \return why not at all of them.
    std::optional<Error> write_devices(const Target& target, Ruleset ruleset);

    NftSocket& socket_;
    std::optional<std::chrono::steady_clock::time_point> acknowledged_;
};

}  // namespace ks
