// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/compile.hpp"

#include "allow_rules.hpp"
#include "apps_rules.hpp"
#include "bootstrap_rules.hpp"
#include "endpoint_rules.hpp"
#include "link_rules.hpp"
#include "local_rules.hpp"
#include "log_rules.hpp"
#include "pause_rules.hpp"
#include "postrouting_rules.hpp"
#include "raw_rules.hpp"
#include "refusals.hpp"
#include "tunnel_rules.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace ks {

namespace {

/// The rules that everything on the host is under, or only the programs of `scope: apps`.
void confine(Draft& draft) {
    add_guests(draft);
    if (draft.situation.state != StateName::panic) {
        add_user_pauses(draft);
        add_endpoints(draft);
        add_bootstrap(draft);
        add_dhcp(draft);
        add_neighbour_discovery(draft);
        add_path_mtu(draft);
        add_allow_rules(draft, Ports::named);
        add_endpoint_guard(draft);
        if (draft.policy.lan.dns) {
            add_lan(draft);
            refuse_dns(draft);
        } else {  // Order: the router is a LAN host too, and its resolver is a leak.
            refuse_dns(draft);
            add_lan(draft);
        }
        add_allow_rules(draft, Ports::any);
    } else {
        refuse_dns(draft);
    }
    add_refusals(draft);
}

}  // namespace

std::optional<Ruleset> compile(const Policy& policy, const Situation& situation) {
    if (situation.state == StateName::disarmed) {
        return std::nullopt;
    }
    Draft draft(policy, situation);
    add_tunnels(draft);
    add_loopback(draft);
    add_spoof_guard(draft);
    const Common common{draft.output.rules.size(), draft.input.rules.size()};
    confine(draft);
    if (policy.scope == Scope::apps && situation.state != StateName::panic) {
        restrict_to_apps(draft, common);
    } else {
        add_raw_guard(draft);
    }
    add_postrouting(draft);
    add_log(draft);
    add_pause(draft);
    Ruleset ruleset;
    ruleset.counters = all_reasons();
    ruleset.sets = std::move(draft.sets);
    ruleset.chains = {std::move(draft.output), std::move(draft.input), std::move(draft.forward),
                      std::move(draft.postrouting)};
    std::ranges::move(draft.others, std::back_inserter(ruleset.chains));
    return ruleset;
}

Ruleset builtin_lock() {
    Situation situation{StateName::locked, {}, {}, {}};
    situation.log = LogSupport::kernel_cannot;  // It has to load on every kernel.
    return *compile(Policy{}, situation);
}

}  // namespace ks
