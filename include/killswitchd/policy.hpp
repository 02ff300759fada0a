// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// `value` or `value/mask` of a socket mark; matches when (mark & mask) == value.
struct MarkMatch {
    std::uint32_t value = 0;
    std::uint32_t mask = 0xffffffff;
    friend bool operator==(const MarkMatch&, const MarkMatch&) = default;
};

/// Who may send to a tunnel's endpoints. Every given selector must match.
struct Only {
    std::optional<MarkMatch> fwmark;
    std::optional<std::uint32_t> user;   ///< uid
    std::optional<std::uint32_t> group;  ///< gid
    std::optional<std::string> cgroup;   ///< Path below the cgroup2 root, without a leading slash.

    [[nodiscard]] bool empty() const noexcept { return !fwmark && !user && !group && !cgroup; }
    friend bool operator==(const Only&, const Only&) = default;
};

struct Tunnel {
    std::string name;       ///< Label in status; never empty.
    std::string interface;  ///< Exact name, or a pattern with one trailing '*'.
    std::string kind;       ///< rtnetlink kind that must match; empty: any.
    std::vector<Endpoint> endpoints;
    Only only;
    friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

enum class Mode : std::uint8_t { off, always, on_drop };
enum class BootLock : std::uint8_t { lock, open };
enum class Ipv6 : std::uint8_t { block, tunnel };
enum class Ownership : std::uint8_t { automatic, off };

/// Who may read the state through the control socket.
struct ReadAccess {
    enum class Who : std::uint8_t { all, group, root } who = Who::all;
    std::uint32_t gid = 0;  ///< Meaningful for Who::group.
    friend bool operator==(const ReadAccess&, const ReadAccess&) = default;
};

struct Control {
    std::optional<std::uint32_t> admin_gid;  ///< Besides root, who may change things.
    ReadAccess read;
    friend bool operator==(const Control&, const Control&) = default;
};

/// A validated configuration. Value type; the only input of the rules besides the observed world.
struct Policy {
    Mode mode = Mode::off;
    BootLock boot = BootLock::lock;
    std::vector<Tunnel> tunnels;  ///< Not empty unless mode is off.
    Ipv6 ipv6 = Ipv6::block;
    std::optional<std::vector<IpAddress>> dns_servers;  ///< Absent: any server, in the tunnel.
    Ownership ownership = Ownership::automatic;
    Control control;
    friend bool operator==(const Policy&, const Policy&) = default;
};

/// Whether `name` is `pattern`, or begins with it where the pattern ends in '*'.
[[nodiscard]] bool interface_matches(std::string_view pattern, std::string_view name) noexcept;

[[nodiscard]] std::string_view word(Mode mode) noexcept;  ///< "off", "always", "on-drop".

/// What an administrator should know about the exceptions of this policy, one sentence each:
/// endpoints without `only`, patterns. Stable order.
[[nodiscard]] std::vector<std::string> holes(const Policy& policy);

}  // namespace ks
