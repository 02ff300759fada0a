// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "expectation.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/probe.hpp"
#include "record.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ks::drills {

/// What became of a probe.
enum class Fate : std::uint8_t {
    stopped,  ///< Nothing of it was seen outside.
    tunnel,   ///< It came out of the VPN server.
    allowed,  ///< It left in clear by something that the config allows.
    clear,    ///< It left in clear.
};

struct BurstFates {
    std::uint64_t at_ms = 0;
    bool tunnel = false;
    std::vector<Fate> fates;
};

/// What one allowance let through.
struct Allowed {
    std::size_t tried = 0;      ///< Probes that were meant for it.
    std::size_t left = 0;       ///< Those of them that it let through.
    std::uint64_t packets = 0;  ///< All frames that it explains.
};

/// Probes or frames of one kind that left in clear.
struct Leak {
    std::size_t count = 0;
    lab::FrameInfo frame;  ///< The first of them.
    bool probe = false;    ///< Of a probe; else nobody knows whose it was.
    bool guest = false;
    lab::Sender sender;
};

/// What one run of one drill saw.
struct Tally {
    std::size_t sent = 0;               ///< Probes fired.
    std::size_t escaped = 0;            ///< Probes seen in clear on an uplink.
    std::size_t strays = 0;             ///< Any other frame that is not permitted.
    std::uint64_t uncaptured = 0;       ///< Frames the capture lost: then nothing is proven.
    std::vector<std::string> examples;  ///< A few of the escaped and stray frames.
    std::vector<std::string> failures;  ///< What should have worked and did not.
    std::vector<BurstFates> bursts;
    std::vector<Allowed> allowed;  ///< One for each of allowances().
    std::vector<Leak>
        leaks;  ///< The most frequent first; not of every kind when there are very many.

    /// All that left as the config allows.
    [[nodiscard]] std::uint64_t allowed_packets() const;
};

/// Judges a run by what was captured in it. Pure.
[[nodiscard]] Tally tally_of(const Record& record, std::span<const lab::FrameInfo> frames,
                             const Expectation& expected);

}  // namespace ks::drills
