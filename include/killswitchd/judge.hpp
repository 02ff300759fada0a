// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/observed.hpp"
#include "killswitchd/step.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ks {

/// The one word that answers "is this machine protected?".
enum class Summary : std::uint8_t { protected_, locked, panic, paused, degraded, open, unknown };
[[nodiscard]] std::string_view word(Summary summary) noexcept;  ///< "PROTECTED", "LOCKED", ...

/// The first line of `status`, and what scripts read from it.
struct Judgement {
    Summary summary = Summary::unknown;
    std::string state;      ///< The word of the state that the kernel is in, or "unknown".
    std::string reason;     ///< A sentence without a final dot.
    bool verified = false;  ///< The kernel holds exactly what is wanted.
    friend bool operator==(const Judgement&, const Judgement&) = default;
};

/// What is true now. Pure. Never says that something is closed which was not seen closed, and never
/// that it is open because it could not be read.
///
/// \param state  What is wanted: its `wanted` is what `observed.differences` were taken against.
[[nodiscard]] Judgement judge(const State& state, const Observed& observed);

/// Whether the machine is meant to be locked: neither disarmed nor in `mode: off`, or in panic.
/// A config that cannot be used counts as one that locks.
[[nodiscard]] bool is_armed(const State& state, const Observed& observed);

/// The exit code of `status`: 0 locked as wanted, 1 degraded, 3 open, 4 cannot tell.
[[nodiscard]] int exit_code(Summary summary) noexcept;

}  // namespace ks
