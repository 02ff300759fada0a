// SPDX-License-Identifier: GPL-2.0-or-later
#include "follower.hpp"

#include "../netns/support/table.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

namespace ks::test {

namespace {

LinkMonitor open_links() {
    auto links = LinkMonitor::open();
    if (!links) {
        throw std::runtime_error(links.error().message());
    }
    return *std::move(links);
}

}  // namespace

Follower::Follower(const Policy& policy)
    : nftables_(open_nftables(Ownership::automatic)), links_(open_links()) {
    state_.policy = policy;
    handle(LinksChanged{links_.links()});
}

void Follower::follow() {
    const auto drained = links_.drain();
    require(drained ? Status(Done{}) : Status(drained.error()));
    if (*drained) {
        handle(LinksChanged{links_.links()});
    }
}

void Follower::handle(const Event& event) {
    Step next = step(std::move(state_), event);
    state_ = std::move(next.next);
    for (Effect& effect : next.effects) {
        if (auto* const commit = std::get_if<Commit>(&effect)) {
            require(nftables_.apply(*commit->ruleset));
            const auto& problem = nftables_.raw_problem();
            require(problem ? Status(*problem) : Status(Done{}));
            state_ = step(std::move(state_), CommitSucceeded{std::move(commit->ruleset)}).next;
        }
    }
}

double microseconds(Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

}  // namespace ks::test
