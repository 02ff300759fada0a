// SPDX-License-Identifier: GPL-2.0-or-later
#include "auto_watch.hpp"

#include "vpn_devices.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Of `now`, what was not in `before`, which becomes `now`.
std::vector<std::string> new_ones(std::vector<std::string> now, std::vector<std::string>& before) {
    std::ranges::sort(now);
    std::vector<std::string> fresh;
    std::ranges::set_difference(now, before, std::back_inserter(fresh));
    before = std::move(now);
    return fresh;
}

std::string described(const std::string& tunnel, const LearnedServer& server) {
    return fmt::format("tunnel {}: {} talks to {}", tunnel, server.interface,
                       server.endpoint.str());
}

}  // namespace

std::vector<AutoWatch::Device> AutoWatch::devices_of(const Policy& policy, const LinkTable& links) {
    std::vector<Device> devices;
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const auto& [index, link] : links) {
            if (tunnel.automatic && is_device_of(tunnel, policy, index, link)) {
                devices.emplace_back(tunnel.name, index, link.name, link.kind, link.up);
            }
        }
    }
    return devices;
}

bool AutoWatch::concerns(const Policy& policy, const LinkTable& links) const {
    return devices_of(policy, links) != devices_;
}

AutoWatch::News AutoWatch::look(const Policy& policy, const LinkTable& links,
                                std::chrono::system_clock::time_point now) {
    News news;
    std::vector<Device> devices = devices_of(policy, links);
    if (devices != devices_) {
        devices_ = std::move(devices);
        changed_ = now;
    }
    forget_others(policy, news);
    for (const Tunnel& tunnel : policy.tunnels) {
        for (const auto& [index, link] : links) {
            if (tunnel.automatic && is_device_of(tunnel, policy, index, link)) {
                ask(tunnel, index, link, now, news);
            }
        }
    }
    changed_ = news.servers ? now : changed_;
    news.refused = new_ones(std::move(news.refused), refused_);
    news.failed = new_ones(std::move(news.failed), failed_);
    return news;
}

void AutoWatch::ask(const Tunnel& tunnel, int index, const Link& link,
                    std::chrono::system_clock::time_point now, News& news) {
    const auto device = read_vpn_device(index, link);
    if (!device) {
        news.failed.push_back(fmt::format("tunnel {}: what is known stays: {}", tunnel.name,
                                          device.error().message()));
    } else if (!*device) {
        return;  // Nobody can be asked about it.
    } else {
        std::vector<LearnedServer>& known = servers_[tunnel.name];
        Lesson lesson = learn(tunnel, known, link.name, **device, now);
        std::ranges::move(lesson.refused, std::back_inserter(news.refused));
        for (const LearnedServer& server : lesson.servers) {
            if (std::ranges::find(known, server) == known.end()) {
                news.learned.push_back(described(tunnel.name, server));
            }
        }
        news.servers = news.servers || lesson.servers != known;
        known = std::move(lesson.servers);
    }
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(now - changed_);
    const auto answers = device ? answers_of(**device, now) : std::nullopt;
    if (const auto next = next_look(since, answers, now)) {
        news.next = std::min(news.next.value_or(*next), *next);
    }
}

void AutoWatch::forget_others(const Policy& policy, News& news) {
    const auto gone = std::erase_if(servers_, [&](const auto& entry) {
        return std::ranges::none_of(policy.tunnels, [&](const Tunnel& tunnel) {
            return tunnel.automatic && tunnel.name == entry.first;
        });
    });
    news.servers = news.servers || gone != 0;
}

}  // namespace ks
