// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/blocked.hpp"

#include "../host/observe.hpp"
#include "../host/processes.hpp"
#include "../wire/blocked_json.hpp"
#include "blocked_screen.hpp"
#include "client.hpp"
#include "fetch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/decision.hpp"
#include "killswitchd/lack.hpp"
#include "killswitchd/sockets.hpp"
#include "options.hpp"
#include "present.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ks::cli {

namespace {

using nlohmann::json;

constexpr int kSchema = 1;
constexpr std::size_t kShownBefore = 10;  ///< Of those from before the watch; as tail(1) does.

volatile std::sig_atomic_t interrupted = 0;

void watch_for_interrupt() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool is_sender(const OpenSocket& socket, const PacketView& packet) {
    const auto fits = [](const IpAddress& bound, const IpAddress& address) {
        return bound == address || bound == IpAddress{bound.family, {}};
    };
    return socket.inode != 0 && socket.local_port == packet.source_port &&
           socket.uid == packet.uid && fits(socket.local, packet.source) &&
           (socket.remote_port == 0 || (socket.remote_port == packet.destination_port &&
                                        fits(socket.remote, packet.destination)));
}

/// Finds out what the service, which reads no /proc, cannot know.
class Inquiry {
  public:
    Inquiry(State state, bool config_known)
        : state_(std::move(state)), config_known_(config_known) {}

    BlockedRow row(BlockedPacket blocked) {
        BlockedRow row{std::move(blocked), {}, {}, {}};
        const PacketView& packet = row.blocked.packet;
        if (row.blocked.direction == Direction::out && packet.uid) {
            row.user = user_name(*packet.uid);
            row.program = program(packet);
        }
        row.advice = advice(row.blocked);
        return row;
    }

  private:
    std::optional<Process> program(const PacketView& packet) {
        if (packet.source_port == 0) {
            return std::nullopt;
        }
        const auto sockets = open_sockets(packet.protocol, packet.source.family);
        if (!sockets) {
            return std::nullopt;
        }
        const auto sender = std::ranges::find_if(
            *sockets, [&](const OpenSocket& socket) { return is_sender(socket, packet); });
        return sender == sockets->end() ? std::nullopt : holders_.holder_of(sender->inode);
    }

    /// Trying out changes of the config takes a moment, so of each kind of packet it is done once.
    const std::string& advice(const BlockedPacket& blocked) {
        constexpr std::size_t kMost = 1024;
        const PacketView& packet = blocked.packet;
        const std::string key = fmt::format(
            "{} {} {} {} {} {} {}", blocked.reason, packet.source.str(), packet.destination.str(),
            packet.destination_port, packet.protocol, packet.mark, packet.uid.value_or(~0U));
        if (advice_.size() >= kMost) {
            advice_.clear();
        }
        const auto [found, is_new] = advice_.try_emplace(key);
        if (is_new && config_known_) {
            found->second = fresh_advice(blocked);
        }
        return found->second;
    }

    [[nodiscard]] std::string fresh_advice(const BlockedPacket& blocked) const {
        if (blocked.direction == Direction::out) {
            if (const auto lack = lack_of(state_, blocked.packet)) {
                return fmt::format("{}: {}", lack->what, lack->fix);
            }
        }
        const auto found = cures(state_, blocked.packet, blocked.direction);
        return found.empty() ? std::string() : fmt::format("to let it pass: {}", found.back().yaml);
    }

    State state_;
    bool config_known_;
    SocketHolders holders_;
    std::map<std::string, std::string> advice_;
};

json row_json(const BlockedRow& row) {
    json object = to_json(row.blocked);
    object["schema"] = kSchema;
    object["user"] = row.user.empty() ? json() : json(row.user);
    object["program"] =
        row.program ? json{{"pid", row.program->pid}, {"name", row.program->name}} : json();
    object["advice"] = row.advice;
    return object;
}

using Counts = std::map<std::string, std::uint64_t>;

Counts counts_of(const StatusReport& report) {
    Counts counts;
    for (const auto& [reason, value] : report.counters) {
        counts[reason] = value.packets;
    }
    return counts;
}

/// The rules tell of no more than their rate; the counters know all.
Counts counted_since(const Options& options, const Counts& before) {
    Counts counts;
    if (const auto report = fetch_report(options)) {
        counts = counts_of(*report);
    }
    for (auto& [reason, packets] : counts) {
        const auto then = before.find(reason);
        packets -= then == before.end() ? 0 : std::min(then->second, packets);
    }
    return counts;
}

/// Prints packets as they come.
class Printer {
  public:
    Printer(const Options& options, Inquiry inquiry)
        : options_(options), inquiry_(std::move(inquiry)) {}

    /// \return whether to go on.
    bool show(std::vector<BlockedPacket> packets, bool follow) {
        const bool remembered = !packets.empty() && std::exchange(first_, false);
        if (remembered && follow && packets.size() > kShownBefore) {
            packets.erase(packets.begin(), packets.end() - kShownBefore);
        }
        for (BlockedPacket& packet : packets) {
            const BlockedRow row = inquiry_.row(std::move(packet));
            print(options_.json ? row_json(row).dump(-1, ' ', /*ensure_ascii=*/true,
                                                     json::error_handler_t::replace) +
                                      "\n"
                                : screen_.add(row, BlockedScreen::Clock::now()));
        }
        print(screen_.flush(BlockedScreen::Clock::now()));
        return follow && interrupted == 0 && std::fflush(stdout) == 0;
    }
    void finish() { print(screen_.finish()); }
    [[nodiscard]] bool printed() const noexcept { return printed_; }

  private:
    void print(const std::string& text) {
        if (!text.empty() && !options_.json && !printed_) {
            fmt::print("{}", BlockedScreen::heading());
        }
        printed_ = printed_ || !text.empty();
        fmt::print("{}", text);
    }

    const Options& options_;
    Inquiry inquiry_;
    BlockedScreen screen_;
    bool first_ = true;
    bool printed_ = false;
};

}  // namespace

int blocked(const Options& options) {
    const auto report = fetch_report_for_anybody(options);
    if (!report) {
        return fail(report.error());
    }
    const bool follow = options.follow || ::isatty(STDOUT_FILENO) == 1;
    World world = observe(options.paths);
    const bool config_known = world.config.ok();
    Printer printer(options, Inquiry(present_state(std::move(world), *report), config_known));
    watch_for_interrupt();
    const auto began = std::chrono::steady_clock::now();
    const auto watched = watch_blocked(options, follow, [&](std::vector<BlockedPacket> packets) {
        return printer.show(std::move(packets), follow);
    });
    if (!watched) {
        return fail(watched.error());
    }
    if (!*watched) {
        complain("the service is not running, so nobody listens", "start it: " + start_command());
        return kFailed;
    }
    if (!(**watched).error.empty()) {
        return explain_error(**watched);
    }
    printer.finish();
    if (!options.json && follow) {
        const auto time = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::steady_clock::now() - began);
        fmt::print("{}\n", blocked_totals(counted_since(options, counts_of(*report)), time));
    } else if (!options.json && !printer.printed()) {
        fmt::print("nothing was refused lately\n");
    }
    return kDone;
}

}  // namespace ks::cli
