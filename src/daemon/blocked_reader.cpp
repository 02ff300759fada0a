// SPDX-License-Identifier: GPL-2.0-or-later
#include "blocked_reader.hpp"

#include "killswitchd/log.hpp"
#include "killswitchd/time.hpp"

#include <cstddef>
#include <utility>

namespace ks {

namespace {

/// More than the rules tell in a second or two; the rest is in the counters.
constexpr std::size_t kMostAtOnce = 1024;

}  // namespace

void BlockedReader::follow() {
    const State& state = state_();
    const bool wanted = state.policy.log.blocked && state.policy.mode != Mode::off;
    if (!wanted || state.log_support == LogSupport::kernel_cannot) {
        if (log_) {
            reactor_.forget(log_->fd());
            log_.reset();
        }
        say(wanted ? "this kernel has no nfnetlink_log, so refused packets are only counted" : "");
        return;
    }
    if (log_) {
        return;
    }
    auto opened = PacketLog::open();
    if (!opened) {
        return say(std::move(opened).error().message());
    }
    log_ = *std::move(opened);
    log_->set_pace(pace_);
    auto watched = reactor_.on_readable(log_->fd(), [this] { read(); });
    say(watched ? "" : watched.error().message());
}

void BlockedReader::hurry(bool somebody) {
    pace_ = somebody ? PacketLog::Pace::at_once : PacketLog::Pace::lazily;
    if (log_) {
        log_->set_pace(pace_);
    }
}

Result<std::vector<BlockedPacket>, Failure> BlockedReader::recent() const {
    if (log_) {
        return recent_.all();
    }
    if (!problem_.empty()) {
        return Failure{Failure::Kind::failed, problem_};
    }
    return Failure{Failure::Kind::refused, "log.blocked is false in the config, or mode is off",
                   "write 'log: { blocked: true }', then run `killswitchd reload`"};
}

void BlockedReader::read() {
    auto packets = log_->drain(kMostAtOnce);
    if (!packets) {
        reactor_.forget(log_->fd());
        log_.reset();
        return say(std::move(packets).error().message());
    }
    std::vector<BlockedPacket> blocked;
    const std::string now = utc_now();
    for (LoggedPacket& packet : *packets) {
        blocked.push_back(blocked_packet(std::move(packet), state_().links, now));
    }
    recent_.add(blocked);
    service_.publish(blocked);
}

void BlockedReader::say(std::string problem) {
    if (problem != problem_ && !problem.empty()) {
        log(Severity::warning, "blocked-unavailable", problem);
    }
    problem_ = std::move(problem);
}

}  // namespace ks
