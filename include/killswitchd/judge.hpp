// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/difference.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/step.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// What is seen of the lock, beside what is wanted: the kernel's own answer and the files.
struct Observed {
    enum class Service : std::uint8_t { stopped, running } service = Service::stopped;
    /// Why the kernel's rules cannot be read; then nothing below about them counts.
    std::optional<std::string> unreadable;
    bool needs_root = false;  ///< That is because we are not root, and nothing else is known.
    enum class Rules : std::uint8_t {
        absent,
        idle,    ///< A table stands, but the kernel does not ask it, or it drops nothing by itself.
        filter,  ///< Every packet of the host is asked about, and dropped by default.
    } rules = Rules::absent;
    /// A pause is on in the kernel: everything passes until its elements have ended.
    bool paused = false;
    /// Whether the fallback table stands, which locks while ours is missing.
    bool fallback = false;
    std::vector<Difference> differences;  ///< Between what is wanted and what the kernel holds.
    /// The state whose rules these are, if they are those of one; else absent.
    std::optional<StateName> resembles;
    /// Why the config on disk cannot be used, with its first line that is wrong; absent: it can.
    std::optional<std::string> broken_config;
    bool boot_disabled = false;  ///< killswitchd=off stands on the kernel's command line.
    /// Every tunnel that is up waits for an answer in vain: which, and how long; absent: not seen.
    std::optional<std::string> silent{};
};

/// The one word that answers "is this machine protected?".
enum class Summary : std::uint8_t { protected_, locked, panic, paused, degraded, open, unknown };
[[nodiscard]] std::string_view word(Summary summary) noexcept;  ///< "PROTECTED", "LOCKED", ...

/// What the first line of `status` says, and what scripts read from it.
struct Judgement {
    Summary summary = Summary::unknown;
    std::string state;      ///< The word of the state that the kernel is in, or "unknown".
    std::string reason;     ///< A sentence without a final dot.
    bool verified = false;  ///< The kernel holds exactly what is wanted.
    std::size_t holes = 0;  ///< How many are open in the rules that stand.
    bool silent = false;    ///< Protected, but the VPN's server does not answer.
    friend bool operator==(const Judgement&, const Judgement&) = default;
};

/// What is true now. Pure. Never says that something is closed which was not seen closed, and never
/// that it is open because it could not be read.
///
/// \param state  What is wanted: its `wanted` is what `observed.differences` were taken against.
[[nodiscard]] Judgement judge(const State& state, const Observed& observed);

/// The first line of `status`: "PROTECTED, 2 holes: traffic leaves ...". As long as it takes.
[[nodiscard]] std::string headline(const Judgement& judgement);

/// Whether the machine is meant to be locked: neither disarmed nor in `mode: off`, or in panic.
/// A config that cannot be used counts as one that locks.
[[nodiscard]] bool is_armed(const State& state, const Observed& observed);

/// The exit code of `status`: 0 locked as wanted, 1 degraded, 3 open, 4 cannot tell.
[[nodiscard]] int exit_code(Summary summary) noexcept;

}  // namespace ks
