// SPDX-License-Identifier: GPL-2.0-or-later
#include "blocked_screen.hpp"

#include "killswitchd/escape.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/wrap.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::cli {

namespace {

constexpr std::chrono::seconds kBetweenRows{5};
constexpr std::size_t kMostKinds = 1024;  ///< Of packets that are told apart.
constexpr std::size_t kAdviceColumn = 12;

std::string with_port(const IpAddress& address, std::uint16_t port) {
    if (port == 0) {
        return address.str();
    }
    return address.family == IpFamily::v4 ? fmt::format("{}:{}", address.str(), port)
                                          : fmt::format("[{}]:{}", address.str(), port);
}

/// The far side, by which a packet is known.
std::string what_of(const BlockedPacket& blocked) {
    const PacketView& packet = blocked.packet;
    const auto protocol = proto::name(packet.protocol);
    if (blocked.direction != Direction::in) {
        return fmt::format("{} {}", protocol,
                           with_port(packet.destination, packet.destination_port));
    }
    return packet.destination_port == 0 ? fmt::format("{} from {}", protocol, packet.source.str())
                                        : fmt::format("{} {} from {}", protocol,
                                                      packet.destination_port, packet.source.str());
}

std::string who_of(const BlockedRow& row) {
    const PacketView& packet = row.blocked.packet;
    switch (row.blocked.direction) {
    case Direction::in:
        return packet.in_interface;
    case Direction::forward:
        return fmt::format("{} {}", packet.in_interface, packet.source.str());
    case Direction::out:
        break;
    }
    if (row.program) {
        return row.user.empty() ? row.program->name
                                : fmt::format("{} ({})", row.program->name, row.user);
    }
    return row.user.empty() ? "the kernel" : fmt::format("user {}", row.user);
}

std::string key_of(const BlockedRow& row) {
    return fmt::format("{} {} {}", row.blocked.reason, what_of(row.blocked), who_of(row));
}

}  // namespace

std::string BlockedScreen::heading() {
    return fmt::format("  {:<9} {:<14} {:<28} {}\n", "time", "refused for", "what", "who");
}

std::string BlockedScreen::line(const BlockedRow& row, std::size_t times) const {
    std::string what = what_of(row.blocked);
    if (times > 1) {
        what = fmt::format("{:<23} x{}", what, times);
    }
    const std::string text =
        fmt::format("  {:<9} {:<14} {:<28} {}", local_clock(row.blocked.time).value_or("?"),
                    row.blocked.reason, what, who_of(row));
    return escaped(text) + "\n";
}

std::string BlockedScreen::add(const BlockedRow& row, Clock::time_point now) {
    const std::string key = key_of(row);
    const auto known = repeated_.find(key);
    if (known != repeated_.end()) {
        known->second.row = row;
        ++known->second.since;
        return flush(now);
    }
    if (repeated_.size() >= kMostKinds) {
        repeated_.clear();
    }
    repeated_.emplace(key, Repeated{row, now, 0});
    std::string text = line(row, 1);
    if (!row.advice.empty()) {
        text += wrapped(std::string(kAdviceColumn, ' ') + escaped(row.advice), kAdviceColumn);
    }
    return text;
}

std::string BlockedScreen::flush(Clock::time_point now) {
    std::string text;
    for (auto& [key, repeated] : repeated_) {
        if (repeated.since != 0 && now - repeated.printed >= kBetweenRows) {
            text += line(repeated.row, repeated.since);
            repeated.since = 0;
            repeated.printed = now;
        }
    }
    return text;
}

std::string BlockedScreen::finish() {
    return flush(Clock::time_point::max());
}

std::string blocked_totals(const std::map<std::string, std::uint64_t>& packets_by_reason,
                           std::chrono::seconds time) {
    std::vector<std::pair<std::uint64_t, std::string>> order;
    std::uint64_t all = 0;
    for (const auto& [reason, packets] : packets_by_reason) {
        if (packets != 0) {
            order.emplace_back(packets, reason);
            all += packets;
        }
    }
    if (all == 0) {
        return fmt::format("nothing in {} s", time.count());
    }
    std::ranges::sort(order, std::ranges::greater{});
    std::vector<std::string> words;
    for (const auto& [packets, reason] : order) {
        words.push_back(fmt::format("{} {}", reason, packets));
    }
    return fmt::format("{} packet{} in {} s: {}", all, all == 1 ? "" : "s", time.count(),
                       fmt::join(words, ", "));
}

}  // namespace ks::cli
