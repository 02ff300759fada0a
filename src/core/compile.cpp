// SPDX-License-Identifier: GPL-2.0-or-later
#include "draft.hpp"

#include <algorithm>
#include <iterator>

namespace ks {

namespace {

/// The rules that everything on the host is under, or only the programs of `scope: apps`.
void confine(Draft& draft) {
    add_guests(draft);
    if (draft.situation.state != StateName::panic) {
        add_endpoints(draft);
        add_dhcp(draft);
        add_neighbour_discovery(draft);
        add_path_mtu(draft);
        add_exceptions(draft, Ports::named);
        add_endpoint_guard(draft);
        if (draft.policy.lan.dns) {
            add_lan(draft);
            refuse_dns(draft);
        } else {  // Order: the router is a LAN host too, and its resolver is a leak.
            refuse_dns(draft);
            add_lan(draft);
        }
        add_exceptions(draft, Ports::any);
    } else {
        refuse_dns(draft);
    }
    add_refusals(draft);
}

/// Puts the rules of the whole host behind the selectors of `scope: apps`. What no selector takes
/// is free, and so is everything that arrives or passes through.
void restrict_to_apps(Draft& draft, std::size_t common_rules) {
    const Apps& apps = draft.policy.apps;
    Chain confined{"confined", std::nullopt, {}};
    const auto first = draft.output.rules.begin() + static_cast<std::ptrdiff_t>(common_rules);
    confined.rules.assign(first, draft.output.rules.end());
    draft.output.rules.erase(first, draft.output.rules.end());
    const auto confine_sender = [&](Match sender) {
        draft.output.rules.push_back(
            {{std::move(sender)}, {}, Verdict::jump, confined.name, "confined to the tunnel"});
    };
    for (const std::uint32_t uid : apps.users) {
        confine_sender(match::User{uid});
    }
    for (const std::uint32_t gid : apps.groups) {
        confine_sender(match::Group{gid});
    }
    for (const std::string& path : apps.cgroups) {
        if (const auto id = draft.situation.cgroups.find(path);
            id != draft.situation.cgroups.end()) {
            confine_sender(match::Cgroup{path, id->second});
        }
    }
    draft.output.rules.push_back(accept({}, "not confined"));
    std::erase_if(draft.input.rules,
                  [](const Rule& rule) { return rule.counter != reason::kSpoof; });
    draft.input.rules.push_back(accept({}, "not confined"));
    draft.forward.rules = {accept({}, "not confined")};
    draft.others.push_back(std::move(confined));
}

}  // namespace

std::optional<Ruleset> compile(const Policy& policy, const Situation& situation) {
    if (situation.state == StateName::disarmed) {
        return std::nullopt;
    }
    Draft draft(policy, situation);
    add_tunnels(draft);
    add_loopback(draft);
    const std::size_t common_rules = draft.output.rules.size();
    add_spoof_guard(draft);
    confine(draft);
    if (policy.scope == Scope::apps && situation.state != StateName::panic) {
        restrict_to_apps(draft, common_rules);
    }
    Ruleset ruleset;
    ruleset.counters = all_reasons();
    ruleset.sets = std::move(draft.sets);
    ruleset.chains = {std::move(draft.output), std::move(draft.input), std::move(draft.forward)};
    std::ranges::move(draft.others, std::back_inserter(ruleset.chains));
    return ruleset;
}

Ruleset builtin_lock() {
    return *compile(Policy{}, Situation{StateName::locked, {}, {}, {}});
}

}  // namespace ks
