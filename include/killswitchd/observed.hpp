// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/difference.hpp"
#include "killswitchd/situation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// What is seen of the lock, beside what is wanted: the kernel's own answer and the files.
struct Observed {
    enum class Service : std::uint8_t { stopped, running } service = Service::stopped;
    /// Why the kernel's rules cannot be read; then nothing below about them counts.
    std::optional<std::string> unreadable;
    enum class Rules : std::uint8_t {
        absent,
        idle,    ///< A table stands, but the kernel does not ask it, or it drops nothing by itself.
        filter,  ///< Every packet of the host is asked about, and dropped by default.
    } rules = Rules::absent;
    /// Whether the fallback table stands, which locks while ours is missing.
    bool fallback = false;
    std::vector<Difference> differences;  ///< Between what is wanted and what the kernel holds.
    /// The state whose rules these are, if they are those of one; else absent.
    std::optional<StateName> resembles;
    /// Why the config on disk cannot be used, with its first line that is wrong; absent: it can.
    std::optional<std::string> broken_config;
    bool boot_disabled = false;  ///< killswitchd=off stands on the kernel's command line.
};

}  // namespace ks
