// SPDX-License-Identifier: GPL-2.0-or-later
#include "adapt.hpp"

#include "allowance.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/via.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

constexpr std::size_t kMostStandIns = 3;  ///< Of one tunnel.

/// The lab makes no cgroups: a user that nobody has plays each.
class StandIns {
  public:
    explicit StandIns(std::vector<std::string>& notes) : notes_(notes) {}

    /// Replaces `cgroup`. Who sends in the cgroup and as a user needs no other user.
    void replace(std::optional<std::string>& cgroup, std::optional<std::uint32_t>& user) {
        if (cgroup) {
            const std::uint32_t stand_in = user_for(*cgroup);
            user = user.value_or(stand_in);
            cgroup.reset();
        }
    }
    void replace(Apps& apps) {
        for (const std::string& cgroup : apps.cgroups) {
            apps.users.push_back(user_for(cgroup));
        }
        apps.cgroups.clear();
    }

  private:
    std::uint32_t user_for(const std::string& cgroup) {
        constexpr std::uint32_t kFirst = 64'000;
        const auto [found, is_new] =
            users_.emplace(cgroup, kFirst + static_cast<std::uint32_t>(users_.size()));
        if (is_new) {
            notes_.push_back(fmt::format("user {} plays the cgroup {}", found->second, cgroup));
        }
        return found->second;
    }

    std::vector<std::string>& notes_;
    std::map<std::string, std::uint32_t> users_;
};

void adapt(Tunnel& tunnel, std::size_t number, std::vector<std::string>& notes) {
    if (tunnel.ipsec) {
        tunnel.ipsec = false;
        tunnel.interface = fmt::format("ipsec-lab{}", number);
        notes.push_back(fmt::format("{}: a tun device plays the IPsec policy", tunnel.name));
    }
    if (!tunnel.kind.empty() && tunnel.kind != "tun") {
        notes.push_back(fmt::format("{}: a tun device plays the {} device {}", tunnel.name,
                                    tunnel.kind, tunnel.interface));
        tunnel.kind.clear();
    }
    if (tunnel.interface.ends_with('*')) {
        tunnel.interface.back() = '0';
        notes.push_back(fmt::format("{}: played as {}", tunnel.name, tunnel.interface));
    }
}

/// A server whose address nobody knows yet is anywhere: each name has an address of documentation
/// space. Only where a tunnel has no other endpoint.
void adapt_names(Policy& policy, std::vector<std::string>& notes) {
    IpAddress stand_in = *IpAddress::parse("203.0.113.20");
    for (Tunnel& tunnel : policy.tunnels) {
        for (const NamedEndpoint& name : tunnel.names) {
            if (&name == &tunnel.names.front() + kMostStandIns) {
                break;
            }
            tunnel.endpoints.push_back(name.at(stand_in));
            notes.push_back(fmt::format("{}: the address of {} is not known yet; {} plays it",
                                        tunnel.name, name.host, stand_in.str()));
            ++stand_in.bytes[3];
        }
        tunnel.names.clear();
        if (tunnel.automatic && tunnel.endpoints.empty()) {
            tunnel.endpoints = {{stand_in, proto::kUdp, 51'820}};
            notes.push_back(fmt::format("{}: nothing is learned yet; {} plays its server",
                                        tunnel.name, tunnel.endpoints.front().str()));
            ++stand_in.bytes[3];
        }
        tunnel.automatic = tunnel.follow_roaming = false;
    }
    policy.bootstrap = {};
}

void adapt_interfaces(std::vector<AllowRule>& exceptions, std::vector<std::string>& notes) {
    for (AllowRule& exception : exceptions) {
        if (!exception.interface.empty() && exception.interface != kUplink) {
            notes.push_back(
                fmt::format("the lab's card {} plays {}", kUplink, exception.interface));
            exception.interface = kUplink;
        }
    }
}

/// The lab has uplinks and a guest of its own, under names of its own.
void adapt_places(Policy& policy, std::vector<std::string>& notes) {
    if (!policy.lan.interfaces.empty()) {
        policy.lan.interfaces.clear();
        notes.emplace_back("lan.interfaces: played as the local networks of every interface");
    }
    if (!policy.guests.automatic) {
        policy.guests.interfaces = {"br0"};
        notes.emplace_back("guests.interfaces: the lab's bridge br0 plays them");
    }
    adapt_interfaces(policy.outbound, notes);
    adapt_interfaces(policy.inbound, notes);
}

void adapt_senders(Policy& policy, std::vector<std::string>& notes) {
    StandIns stand_ins(notes);
    for (Tunnel& tunnel : policy.tunnels) {
        stand_ins.replace(tunnel.only.cgroup, tunnel.only.user);
    }
    for (AllowRule& exception : policy.outbound) {
        stand_ins.replace(exception.cgroup, exception.user);
    }
    stand_ins.replace(policy.apps);
}

/// The lab has one tunnel.
void adapt_nesting(Policy& policy, std::vector<std::string>& notes) {
    const Policy whole = policy;
    std::erase_if(policy.tunnels, [&](const Tunnel& tunnel) { return is_carrier(whole, tunnel); });
    for (Tunnel& tunnel : policy.tunnels) {
        if (!tunnel.via.empty()) {
            notes.push_back(fmt::format("{}: played without the tunnel around it", tunnel.name));
            tunnel.via.clear();
        }
    }
}

}  // namespace

Adapted adapt(Policy policy) {
    Adapted adapted;
    adapted.allowances = allowances(policy);
    if (policy.mode != Mode::always) {
        adapted.notes.push_back(
            policy.mode == Mode::on_drop
                ? "mode: on-drop is open until a tunnel is up; what follows is played"
                : "mode: off blocks nothing; played as if it were always");
        policy.mode = Mode::always;
        policy.boot = BootLock::lock;
    }
    adapt_nesting(policy, adapted.notes);
    for (std::size_t i = 0; i < policy.tunnels.size(); ++i) {
        adapt(policy.tunnels[i], i, adapted.notes);
    }
    adapt_names(policy, adapted.notes);
    adapt_places(policy, adapted.notes);
    adapt_senders(policy, adapted.notes);
    policy.control = {};
    adapted.policy = std::move(policy);
    return adapted;
}

}  // namespace ks::drills
