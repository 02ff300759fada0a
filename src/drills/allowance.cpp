// SPDX-License-Identifier: GPL-2.0-or-later
#include "allowance.hpp"

#include "killswitchd/holes.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

/// A shorter prefix holds much of what people call the internet.
constexpr std::uint8_t kMinUsualLength = 8;

bool is_wide(const Prefix& prefix) {
    return prefix.length < kMinUsualLength;
}

/// Root runs programs of all kinds.
bool anybody(const AllowRule& exception) {
    return (!exception.user || *exception.user == 0) &&
           (!exception.group || *exception.group == 0) && !exception.cgroup;
}

/// The one hole of a policy that has no other.
std::string only_hole(const Policy& policy) {
    return holes(policy, {}).front();
}

Allowance lan_allowance(const Lan& lan) {
    Policy alone;
    alone.lan = lan;
    const bool wide =
        lan.networks == Lan::Networks::listed && std::ranges::any_of(lan.list, is_wide);
    return {Allowance::Kind::lan, 0, only_hole(alone), "lan", wide};
}

}  // namespace

std::vector<Allowance> allowances(const Policy& policy) {
    std::vector<Allowance> all;
    if (policy.lan.allow) {
        all.push_back(lan_allowance(policy.lan));
    }
    for (std::size_t number = 0; number < policy.outbound.size(); ++number) {
        const AllowRule& exception = policy.outbound[number];
        Policy alone;
        alone.outbound = {exception};
        all.push_back({Allowance::Kind::outbound, number, only_hole(alone),
                       fmt::format("allow.outbound[{}]", number),
                       anybody(exception) && (!exception.far || is_wide(*exception.far))});
    }
    for (std::size_t number = 0; number < policy.inbound.size(); ++number) {
        Policy alone;
        alone.inbound = {policy.inbound[number]};
        all.push_back({Allowance::Kind::inbound, number, only_hole(alone),
                       fmt::format("allow.inbound[{}]", number), false});
    }
    if (policy.scope == Scope::apps) {
        Policy alone;
        alone.scope = Scope::apps;
        all.push_back({Allowance::Kind::apps, 0, only_hole(alone), "scope", false});
    }
    return all;
}

}  // namespace ks::drills
