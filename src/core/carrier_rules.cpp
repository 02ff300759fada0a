// SPDX-License-Identifier: GPL-2.0-or-later
#include "carrier_rules.hpp"

#include "endpoint_rules.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/tunnels.hpp"
#include "places.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// The two chains of one carrier, by its place in the config.
void add_chains(Draft& draft, const Tunnel& carrier, const std::string& into,
                const std::string& out_of) {
    Chain leaving{into, std::nullopt, {}};
    Chain coming{out_of, std::nullopt, {}};
    const auto inside = [&](const Tunnel& tunnel) { return tunnel.via == carrier.name; };
    for (std::size_t i = 0; i < draft.policy.tunnels.size(); ++i) {
        if (inside(draft.policy.tunnels[i])) {
            add_endpoints_of(draft, i, leaving.rules, coming.rules);
        }
    }
    add_path_mtu_of(draft, inside, coming.rules);
    leaving.rules.push_back(refuse({}, reason::kVia));
    coming.rules.push_back({{}, reason::kTunnelInbound, Verdict::drop, {}, "unasked-for"});
    draft.others.push_back(std::move(leaving));
    draft.others.push_back(std::move(coming));
}

}  // namespace

void add_carriers(Draft& draft) {
    for (const LiveTunnel& live : draft.situation.carriers) {
        const Tunnel* const carrier = tunnel_of(draft.policy, live);
        if (carrier == nullptr) {
            continue;
        }
        const auto number = carrier - draft.policy.tunnels.data() + 1;
        const std::string into = fmt::format("{}_into_{}", kCarrierChain, number);
        const std::string out_of = fmt::format("{}_out_of_{}", kCarrierChain, number);
        if (std::ranges::find(draft.others, into, &Chain::name) == draft.others.end()) {
            add_chains(draft, *carrier, into, out_of);
        }
        const std::string comment = fmt::format("{} carries other tunnels", carrier->name);
        draft.output.rules.push_back(
            {device_of(live, match::InSet::Far::destination), {}, Verdict::jump, into, comment});
        draft.input.rules.push_back(
            {device_of(live, match::InSet::Far::source), {}, Verdict::jump, out_of, comment});
    }
}

void add_carrier_guard(Draft& draft) {
    add_guard_of(
        draft, [](const Tunnel& tunnel) { return !tunnel.via.empty(); }, "carried");
}

}  // namespace ks
