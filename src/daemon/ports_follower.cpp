// SPDX-License-Identifier: GPL-2.0-or-later
#include "ports_follower.hpp"

#include "config_log.hpp"
#include "killswitchd/log.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

OpenPorts PortsFollower::ports(const Policy& policy) const {
    return ports_in(watch_.files(), policy);
}

Status PortsFollower::follow(std::function<void()> changed) {
    changed_ = std::move(changed);
    log_diagnostics(Severity::warning, findings_in(watch_.seen()));
    if (watch_.problem()) {
        log(Severity::error, "ports-unwatched",
            fmt::format("changes of files of ports may be missed until a reload: {}",
                        watch_.problem()->message()));
    }
    if (watch_.fd() < 0) {
        return Done{};
    }
    return reactor_.on_readable(watch_.fd(), [this] { files_changed(); });
}

Status PortsFollower::reopen(const Policy& policy) {
    if (watch_.fd() >= 0) {
        reactor_.forget(watch_.fd());
    }
    watch_ = PortsWatch::open(policy, &watch_);
    return follow(std::move(changed_));
}

void PortsFollower::files_changed() {
    std::vector<std::string> lines;
    for (const PortsWatch::News& news : watch_.drain()) {
        log_diagnostics(Severity::warning, news.findings);
        if (!news.findings.empty()) {
            log(Severity::warning, "ports-changed",
                fmt::format("{} cannot be used now; what it opened stays open", news.path));
        } else if (!news.change.empty()) {
            lines.push_back(fmt::format("{}: {}", news.path, news.change));
            log(Severity::notice, "ports-changed", lines.back());
        }
    }
    if (lines.empty()) {
        return;
    }
    engine_.handle(PortsChanged{ports(engine_.state().policy)});
    for (const std::string& line : lines) {
        service_.publish("ports-changed", line);
    }
    changed_();
}

}  // namespace ks
