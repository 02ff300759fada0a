// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/endpoints.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ks {

// What a VPN's own device says of its servers, and what is learned of it: `endpoints: [auto]`.

/// One far end, as the kernel or the VPN program has it.
struct VpnPeer {
    std::string id;  ///< Its public key in base64, or what else stays when the address changes.
    std::optional<Endpoint> endpoint;  ///< Where packets to it go; absent: nowhere yet.
    std::optional<std::chrono::system_clock::time_point> last_answer;  ///< Last handshake.
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::uint16_t keepalive_seconds = 0;  ///< 0: it speaks only when there is something to say.
    friend bool operator==(const VpnPeer&, const VpnPeer&) = default;
};

struct VpnDevice {
    std::uint32_t fwmark = 0;  ///< Of its own packets; 0: none.
    std::uint16_t listen_port = 0;
    std::vector<VpnPeer> peers;
    friend bool operator==(const VpnDevice&, const VpnDevice&) = default;
};

/// A public key as wg(8) shows it.
[[nodiscard]] std::string base64_of_key(std::span<const std::uint8_t> key);
/// Of a handshake so many seconds after 1970; absent for 0, which means never, and for what no
/// clock shows.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point>
moment_of_handshake(std::int64_t seconds);

/// A peer more than this of one device is not looked at.
inline constexpr std::size_t kMaxVpnPeers = 1024;

/// A server that was learned, and of which peer.
struct LearnedServer {
    std::string peer;  ///< VpnPeer::id.
    Endpoint endpoint;
    std::chrono::system_clock::time_point learned;
    std::string interface;
    friend bool operator==(const LearnedServer&, const LearnedServer&) = default;
};
/// Name of a tunnel -> its servers.
using LearnedServers = std::map<std::string, std::vector<LearnedServer>>;

/// A server more than this of one tunnel is not learned.
inline constexpr std::size_t kMaxLearnedServers = 64;

struct Lesson {
    std::vector<LearnedServer> servers;
    std::vector<std::string> refused;  ///< Servers that moved and were not followed, in words.
};

/// What is known of the servers of `tunnel` after its device was looked at. Pure.
///
/// Only what somebody with the right to configure the device wrote there is believed: of a peer
/// that is not known yet, and of one that has not answered yet. The address of a peer that has
/// answered may be the peer's own doing: whoever sends a packet that the peer signed moves it.
/// That is followed with `follow_roaming` alone. A device without peers says nothing.
[[nodiscard]] Lesson learn(const Tunnel& tunnel, const std::vector<LearnedServer>& before,
                           const std::string& interface, const VpnDevice& device,
                           std::chrono::system_clock::time_point now);

/// `servers` as endpoints of the tunnels of `policy` that have `auto`.
[[nodiscard]] KnownEndpoints endpoints_from(const LearnedServers& servers, const Policy& policy);

/// How a device's servers answer.
struct Answers {
    std::optional<std::chrono::system_clock::time_point> last;  ///< Of any; absent: never.
    /// None of them answers what is sent to it: nothing for three minutes, after which WireGuard
    /// itself takes a session for dead, although packets were sent.
    bool silent = false;
    std::string server;  ///< The one that answered last, or the first; may be empty.
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    friend bool operator==(const Answers&, const Answers&) = default;
};
/// Absent without peers. `before`: the same device at an earlier look, for what was sent since.
[[nodiscard]] std::optional<Answers> answers_of(const VpnDevice& device,
                                                std::chrono::system_clock::time_point now,
                                                const std::optional<VpnDevice>& before = {});

/// When to look at a device again that announces no change; absent: not before a link changes.
/// \param since  How long ago the last change of it or of its link was seen.
[[nodiscard]] std::optional<std::chrono::seconds>
next_look(std::chrono::seconds since, const std::optional<Answers>& answers,
          std::chrono::system_clock::time_point now);

}  // namespace ks
