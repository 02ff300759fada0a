// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/automatic.hpp"

#include "killswitchd/special.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Moment = std::chrono::system_clock::time_point;

/// After so long WireGuard uses no session any more. Source: REJECT_AFTER_TIME of its protocol.
constexpr std::chrono::seconds kDead{180};

/// Whether a rule is of use: what stays on the host needs none.
bool is_server(const Endpoint& endpoint) {
    return special_around(Prefix::of(endpoint.address, endpoint.address.bits())) == nullptr;
}

bool has_answered(const VpnPeer& peer) {
    return peer.received_bytes != 0 || peer.last_answer.has_value();
}

/// A key is public, but long: its beginning tells peers apart.
std::string short_name(const std::string& peer) {
    constexpr std::size_t kShown = 8;
    return peer.size() > kShown ? peer.substr(0, kShown) + "..." : peer;
}

const LearnedServer* find(const std::vector<LearnedServer>& servers, const std::string& peer) {
    const auto found = std::ranges::find(servers, peer, &LearnedServer::peer);
    return found == servers.end() ? nullptr : &*found;
}

/// What stays known of one peer; nothing when there never was anything.
std::optional<LearnedServer> learn_one(const Tunnel& tunnel, const LearnedServer* before,
                                       const VpnPeer& peer, const LearnedServer& now,
                                       std::vector<std::string>& refused) {
    if (!peer.endpoint || !is_server(*peer.endpoint)) {
        return before != nullptr ? std::optional(*before) : std::nullopt;
    }
    if (before == nullptr) {
        return now;
    }
    if (before->endpoint == *peer.endpoint) {
        return *before;
    }
    if (tunnel.follow_roaming || !has_answered(peer)) {
        return now;
    }
    refused.push_back(fmt::format("tunnel {}: the server {} of {} is at {} now, which is not "
                                  "followed without follow_roaming",
                                  tunnel.name, before->endpoint.str(), now.interface,
                                  peer.endpoint->str()));
    return *before;
}

/// Whether what was sent to it since has had no answer.
bool waits(const VpnPeer& peer, Moment now, const VpnPeer* before) {
    if (peer.last_answer && now - *peer.last_answer < kDead) {
        return false;
    }
    if (!peer.last_answer) {
        return peer.sent_bytes != 0;
    }
    return peer.keepalive_seconds != 0 ||
           (before != nullptr && before->last_answer == peer.last_answer &&
            peer.sent_bytes > before->sent_bytes);
}

const VpnPeer* find(const std::optional<VpnDevice>& device, const std::string& id) {
    if (!device) {
        return nullptr;
    }
    const auto found = std::ranges::find(device->peers, id, &VpnPeer::id);
    return found == device->peers.end() ? nullptr : &*found;
}

}  // namespace

std::string base64_of_key(std::span<const std::uint8_t> key) {
    constexpr std::string_view kSigns =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t kBytes = 3;
    constexpr unsigned kByteBits = 8;
    constexpr unsigned kSignBits = 6;
    std::string text;
    for (std::size_t at = 0; at < key.size(); at += kBytes) {
        const std::size_t left = std::min(kBytes, key.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < kBytes; ++i) {
            group = (group << kByteBits) | (i < left ? key[at + i] : 0U);
        }
        for (std::size_t i = 0; i <= kBytes; ++i) {
            const std::uint32_t sign = (group >> (kSignBits * (kBytes - i))) & 0x3fU;
            text += i <= left ? kSigns[sign] : '=';
        }
    }
    return text;
}

std::optional<Moment> moment_of_handshake(std::int64_t seconds) {
    constexpr std::chrono::seconds kLast =
        std::chrono::duration_cast<std::chrono::seconds>(Moment::duration::max());
    if (seconds <= 0 || seconds > kLast.count()) {
        return std::nullopt;
    }
    return Moment(std::chrono::seconds(seconds));
}

Lesson learn(const Tunnel& tunnel, const std::vector<LearnedServer>& before,
             const std::string& interface, const VpnDevice& device, Moment now) {
    Lesson lesson;
    if (device.peers.empty()) {
        lesson.servers = before;
        return lesson;
    }
    for (const VpnPeer& peer : device.peers) {
        const LearnedServer news{peer.id, peer.endpoint.value_or(Endpoint{}), now, interface};
        auto known = learn_one(tunnel, find(before, peer.id), peer, news, lesson.refused);
        if (known && lesson.servers.size() < kMaxLearnedServers) {
            lesson.servers.push_back(*std::move(known));
        }
    }
    // Servers of other interfaces that fit the same pattern.
    for (const LearnedServer& other : before) {
        if (other.interface != interface && lesson.servers.size() < kMaxLearnedServers &&
            find(lesson.servers, other.peer) == nullptr) {
            lesson.servers.push_back(other);
        }
    }
    return lesson;
}

KnownEndpoints endpoints_from(const LearnedServers& servers, const Policy& policy) {
    KnownEndpoints known;
    for (const Tunnel& tunnel : policy.tunnels) {
        const auto found = servers.find(tunnel.name);
        if (!tunnel.automatic || found == servers.end()) {
            continue;
        }
        for (const LearnedServer& server : found->second) {
            known[tunnel.name].push_back(
                {server.endpoint, EndpointSource::automatic, server.learned,
                 fmt::format("{}{}{}", server.interface, server.peer.empty() ? "" : " peer ",
                             short_name(server.peer))});
        }
    }
    return known;
}

std::optional<Answers> answers_of(const VpnDevice& device, Moment now,
                                  const std::optional<VpnDevice>& before) {
    if (device.peers.empty()) {
        return std::nullopt;
    }
    Answers answers;
    answers.silent = true;
    const VpnPeer* latest = nullptr;
    for (const VpnPeer& peer : device.peers) {
        answers.received_bytes += peer.received_bytes;
        answers.sent_bytes += peer.sent_bytes;
        answers.silent = answers.silent && waits(peer, now, find(before, peer.id));
        const bool later = latest == nullptr || latest->last_answer < peer.last_answer;
        latest = later ? &peer : latest;
    }
    answers.last = latest->last_answer;
    answers.server = latest->endpoint ? latest->endpoint->str() : std::string();
    return answers;
}

std::optional<std::chrono::seconds> next_look(std::chrono::seconds since,
                                              const std::optional<Answers>& answers, Moment now) {
    using std::chrono::seconds;
    constexpr seconds kFirst{1};
    constexpr seconds kLongest{64};
    if (answers && answers->last && now - *answers->last < kDead && since >= kFirst) {
        // It works, so its server is known. Once that session is over it may be sought elsewhere.
        return std::chrono::ceil<seconds>(*answers->last + kDead - now) + kFirst;
    }
    return std::clamp(since, kFirst, kLongest);
}

}  // namespace ks
