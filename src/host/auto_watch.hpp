// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace ks {

/// Learns the servers of tunnels with `auto` from their devices. What was learned stays known while
/// a device is gone, says nothing, or cannot be asked.
class AutoWatch {
  public:
    /// \param known  What was learned before, of which the tunnels of a later policy keep theirs.
    explicit AutoWatch(LearnedServers known = {}) : servers_(std::move(known)) {}

    struct News {
        bool servers = false;                        ///< servers() are others.
        std::vector<std::string> learned;            ///< Each in words, for people.
        std::vector<std::string> refused{};          ///< Servers that moved and were not followed.
        std::vector<std::string> failed{};           ///< Devices that could not be asked, and why.
        std::optional<std::chrono::seconds> next{};  ///< When to look again without an event.
    };

    /// Whether a device of a tunnel with `auto` came, went, or changed since the last look.
    [[nodiscard]] bool concerns(const Policy& policy, const LinkTable& links) const;
    /// Asks every such device. What was said at the last look is not said again.
    [[nodiscard]] News look(const Policy& policy, const LinkTable& links,
                            std::chrono::system_clock::time_point now);

    [[nodiscard]] const LearnedServers& servers() const noexcept { return servers_; }

  private:
    using Device = std::tuple<std::string, int, std::string, std::string, bool>;
    [[nodiscard]] static std::vector<Device> devices_of(const Policy& policy,
                                                        const LinkTable& links);
    void ask(const Tunnel& tunnel, int index, const Link& link,
             std::chrono::system_clock::time_point now, News& news);
    void forget_others(const Policy& policy, News& news);

    LearnedServers servers_;
    std::vector<Device> devices_;
    std::chrono::system_clock::time_point changed_;  ///< When devices or servers last did.
    std::vector<std::string> refused_;
    std::vector<std::string> failed_;
};

}  // namespace ks
