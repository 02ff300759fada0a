// SPDX-License-Identifier: GPL-2.0-or-later
#include "tally.hpp"

#include "expectation.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/probe.hpp"
#include "record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

constexpr std::size_t kExamples = 5;
constexpr std::size_t kMostKinds = 200;

using Frames = std::span<const lab::FrameInfo>;

/// The part of `frames` that a burst saw, whatever the record says of its size.
Frames frames_of(const Burst& burst, Frames frames) {
    const std::size_t end = std::min(burst.end_frame, frames.size());
    const std::size_t first = std::min(burst.first_frame, end);
    return frames.subspan(first, end - first);
}

class Judging {
  public:
    Judging(const Record& record, Frames frames, const Expectation& expected)
        : record_(record), frames_(frames), expected_(expected), explained_(frames.size()) {
        tally.uncaptured = record.uncaptured;
        tally.failures = record.failures;
        tally.allowed.resize(expected.allowances());
    }

    void judge_burst(const Burst& burst) {
        BurstFates result{burst.at_ms, burst.tunnel, {}};
        for (const Fired& fired : burst.fired) {
            ++tally.sent;
            const Fate fate = fate_of(burst, fired);
            result.fates.push_back(fate);
            if (burst.meant_for && *burst.meant_for < tally.allowed.size()) {
                ++tally.allowed[*burst.meant_for].tried;
                tally.allowed[*burst.meant_for].left += fate == Fate::allowed ? 1 : 0;
            }
        }
        tally.bursts.push_back(std::move(result));
    }

    void judge_flood(const Poured& flood) {
        tally.sent += flood.sent;
        for (std::size_t at = 0; at < frames_.size(); ++at) {
            const lab::FrameInfo& frame = frames_[at];
            if (frame.tag != flood.tag) {
                continue;
            }
            explained_[at] = true;
            if (const auto by = expected_.allowed_by(frame, &expected_.prober())) {
                ++tally.allowed[*by].packets;
            } else {
                ++tally.escaped;
                add_leak({1, frame, true, false, expected_.prober()}, "flood");
            }
        }
    }

    void judge_knock(const Knocked& knock) {
        if (knock.meant_for && *knock.meant_for < tally.allowed.size()) {
            ++tally.allowed[*knock.meant_for].tried;
            tally.allowed[*knock.meant_for].left += knock.answered ? 1 : 0;
            return;
        }
        ++tally.sent;
        if (knock.answered) {
            ++tally.escaped;
            if (tally.examples.size() < kExamples) {
                tally.examples.push_back(fmt::format("answered from outside: {}", knock.what));
            }
        }
    }

    /// The control's host may say what it likes.
    void judge_others() {
        if (record_.armed == Armed::no || !record_.counted_from) {
            return;
        }
        for (std::size_t at = *record_.counted_from; at < frames_.size(); ++at) {
            const lab::FrameInfo& frame = frames_[at];
            if (explained_[at] || expected_.is_needed(frame)) {
                continue;
            }
            if (const auto by = expected_.allowed_by(frame, nullptr)) {
                ++tally.allowed[*by].packets;
                continue;
            }
            ++tally.strays;
            add_leak({1, frame, false, false, {}}, {});
        }
    }

    Tally tally;

  private:
    Fate fate_of(const Burst& burst, const Fired& fired) {
        const Frames seen = frames_of(burst, frames_);
        const lab::Sender* const sender = burst.guest ? nullptr : &fired.shot.probe.sender;
        bool allowed = false;
        bool clear = false;
        for (const lab::FrameInfo& frame : seen) {
            if (!fired.shot.matches(frame)) {
                continue;
            }
            explained_[static_cast<std::size_t>(&frame - frames_.data())] = true;
            if (const auto by = expected_.allowed_by(frame, sender)) {
                allowed = true;
                ++tally.allowed[*by].packets;
            } else if (!clear) {
                clear = true;
                ++tally.escaped;
                add_leak({1, frame, true, burst.guest, fired.shot.probe.sender},
                         fired.shot.probe.name);
            }
        }
        if (clear) {
            return Fate::clear;
        }
        return allowed ? Fate::allowed : fired.through ? Fate::tunnel : Fate::stopped;
    }

    void add_leak(const Leak& leak, const std::string& name) {
        if (tally.examples.size() < kExamples) {
            const std::string text = lab::describe(leak.frame);
            tally.examples.push_back(name.empty() ? text : fmt::format("{}: {}", name, text));
        }
        const auto same = std::ranges::find_if(tally.leaks, [&](const Leak& known) {
            return known.frame.source == leak.frame.source &&
                   known.frame.destination == leak.frame.destination &&
                   known.frame.ethertype == leak.frame.ethertype &&
                   known.frame.protocol == leak.frame.protocol &&
                   known.frame.destination_port == leak.frame.destination_port &&
                   known.probe == leak.probe && known.sender == leak.sender;
        });
        if (same == tally.leaks.end()) {
            if (tally.leaks.size() < kMostKinds) {
                tally.leaks.push_back(leak);
            }
        } else {
            ++same->count;
        }
    }

    const Record& record_;
    Frames frames_;
    const Expectation& expected_;
    std::vector<bool> explained_;
};

}  // namespace

std::uint64_t Tally::allowed_packets() const {
    std::uint64_t all = 0;
    for (const Allowed& one : allowed) {
        all += one.packets;
    }
    return all;
}

Tally tally_of(const Record& record, std::span<const lab::FrameInfo> frames,
               const Expectation& expected) {
    Judging judging(record, frames, expected);
    for (const Burst& burst : record.bursts) {
        judging.judge_burst(burst);
    }
    for (const Poured& flood : record.floods) {
        judging.judge_flood(flood);
    }
    for (const Knocked& knock : record.knocks) {
        judging.judge_knock(knock);
    }
    judging.judge_others();
    std::ranges::stable_sort(judging.tally.leaks, std::ranges::greater{}, &Leak::count);
    return std::move(judging.tally);
}

}  // namespace ks::drills
