// SPDX-License-Identifier: GPL-2.0-or-later
#include "answers.hpp"

#include "killswitchd/situation.hpp"
#include "vpn_devices.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

bool carries(const State& state, const Link& link) {
    return std::ranges::any_of(state.situation.tunnels_up, [&](const LiveTunnel& tunnel) {
        return tunnel.interface == link.name;
    });
}

std::optional<system_clock::time_point> last_of(const VpnDevice& device) {
    const auto answers = answers_of(device, {});
    return answers ? answers->last : std::nullopt;
}

std::string silence_of(const std::string& interface, const Answers& answers) {
    const std::string server = answers.server.empty() ? "" : fmt::format(" ({})", answers.server);
    if (!answers.last) {
        return fmt::format("{} has never had an answer{}", interface, server);
    }
    const auto age = std::chrono::floor<std::chrono::minutes>(system_clock::now() - *answers.last);
    return age < std::chrono::hours(2)
               ? fmt::format("{} has had no answer for {} min{}", interface, age.count(), server)
               : fmt::format("{} has had no answer for {} h{}", interface,
                             std::chrono::floor<std::chrono::hours>(age).count(), server);
}

}  // namespace

const AnswerWatch::All& AnswerWatch::look(const State& state) {
    constexpr std::chrono::seconds kPause{1};
    const auto now = steady_clock::now();
    if (looked_ && now - *looked_ < kPause && asked_ == state.situation.tunnels_up) {
        return answers_;
    }
    asked_ = state.situation.tunnels_up;
    answers_.clear();
    std::map<int, VpnDevice> devices;
    for (const auto& [index, link] : state.links.value_or(LinkTable{})) {
        if (!carries(state, link)) {
            continue;
        }
        auto device = read_vpn_device(index, link);
        if (!device || !*device) {
            continue;
        }
        const auto before = devices_.find(index);
        const auto earlier =
            before == devices_.end() ? std::nullopt : std::optional(before->second);
        if (auto answers = answers_of(**device, system_clock::now(), earlier)) {
            answers_.emplace(link.name, *std::move(answers));
        }
        const bool same = earlier && last_of(*earlier) == last_of(**device);
        devices.emplace(index, same ? *earlier : **std::move(device));
    }
    devices_ = std::move(devices);
    looked_ = steady_clock::now();
    return answers_;
}

std::optional<std::string> silence_in(const AnswerWatch::All& answers, const State& state) {
    const std::vector<std::string> ways = ways_out(state.situation);
    std::vector<std::string> silent;
    for (const std::string& way : ways) {
        const auto found = answers.find(way);
        if (found != answers.end() && found->second.silent) {
            silent.push_back(silence_of(way, found->second));
        }
    }
    return silent.empty() || silent.size() != ways.size()
               ? std::nullopt
               : std::optional(fmt::format("{}", fmt::join(silent, ", ")));
}

}  // namespace ks
