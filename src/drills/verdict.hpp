// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "drills.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "record.hpp"
#include "tally.hpp"
#include "vpn.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ks::drills {

enum class Outcome : std::uint8_t {
    holds,    ///< The control leaked, and with the lock nothing did.
    allowed,  ///< Nothing was left to prove: all that left the control is allowed.
    leaks,    ///< Something left in spite of the lock.
    fails,    ///< Something that must work did not, or frames were missed: nothing is proven.
};
[[nodiscard]] const char* word(Outcome outcome) noexcept;  ///< "holds", "allowed", ...

/// One run of one drill.
struct Run {
    Record record;
    Tally tally;
};

/// Both runs of one drill.
struct Verdict {
    Run without;  ///< The control: disarmed.
    Run with;     ///< Armed.
    /// The rules that stood at the end of the armed run; empty when the kernel's were others.
    std::string rules{};

    [[nodiscard]] Outcome outcome() const;
    [[nodiscard]] bool passed() const { return outcome() == Outcome::holds; }
    /// Why it did not pass, one line each.
    [[nodiscard]] std::vector<std::string> reasons() const;
};

struct PlayOptions {
    MakeVpn make_vpn = own_tunnel;
    std::function<void()> on_step{};  ///< Called whenever something was done.
    /// Keep what was captured in PREFIX-without.pcapng and PREFIX-with.pcapng; empty: do not.
    std::string captures{};
};

/// Plays `drill` in two fresh labs. Touches nothing outside them.
/// \param program  The killswitchd to test.
/// \return EPERM without the right to make namespaces.
[[nodiscard]] Result<Verdict> play(const Drill& drill, const Policy& policy,
                                   const std::string& program, const PlayOptions& options = {});

}  // namespace ks::drills
