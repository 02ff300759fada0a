// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/probe.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ks::drills {

/// Whether the kill switch protects the lab's host in this run, or the run is the control.
enum class Armed : std::uint8_t { no, yes };

/// One probe as sent, and what was seen of it beside the capture.
struct Fired {
    lab::Shot shot;
    bool through = false;  ///< It reached the internet by way of the VPN server.
};

/// Probes that were fired together.
struct Burst {
    std::uint64_t at_ms = 0;                 ///< Since the run began.
    bool tunnel = false;                     ///< The tunnel's interface was there.
    bool guest = false;                      ///< The guest fired, not the host.
    std::size_t first_frame = 0;             ///< What was captured meanwhile: from here on ...
    std::size_t end_frame = 0;               ///< ... and before this one.
    std::optional<std::size_t> meant_for{};  ///< The allowance that these probes are to use.
    std::vector<Fired> fired;
};

/// A flood that ended.
struct Poured {
    std::uint32_t tag = 0;
    std::uint64_t sent = 0;
};

/// Somebody outside who tried to open a connection to the host.
struct Knocked {
    std::string what;  ///< "198.51.100.1 > tcp 22"
    bool answered = false;
    std::optional<std::size_t> meant_for{};  ///< The allowance that lets it in, if one does.
};

/// Everything that one run of one drill knows besides the captured frames. With them, a Tally can
/// be made of it at any time.
struct Record {
    Armed armed = Armed::no;
    std::vector<Burst> bursts;
    std::vector<Poured> floods;
    std::vector<Knocked> knocks;
    std::optional<std::size_t> counted_from;  ///< From this frame on, others count as well.
    std::uint64_t uncaptured = 0;             ///< Frames the capture lost: then nothing is proven.
    std::vector<std::string> failures;        ///< What should have worked and did not.
};

}  // namespace ks::drills
