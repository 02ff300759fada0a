// SPDX-License-Identifier: GPL-2.0-or-later
#include "uplinks.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace ks {

namespace {

/// Inside a container the uplink is a veth as well, but the default route gives it away.
bool is_virtual_end(const Link& link) {
    return (link.kind == "veth" || link.kind == "tun") && !link.default_route;
}

/// Which devices are on top of which, gathered in one pass.
struct Stack {
    explicit Stack(const LinkTable& links) {
        for (const auto& [index, link] : links) {
            if (link.lower != 0) {
                uppers.emplace(link.lower, index);
            }
            if (link.master != 0 && !is_virtual_end(link)) {
                masters_with_way_out.insert(link.master);
            }
        }
    }

    std::multimap<int, int> uppers;      ///< Device -> VLANs and the like that send by it.
    std::set<int> masters_with_way_out;  ///< Have a port that is no machine inside this one.
};

/// A port that a machine inside this one is plugged into: its frames reach nobody else. Where no
/// port of a bridge is anything else, one that holds the default route tells that it leads outside.
bool leads_to_guest(const LinkTable& links, const Stack& stack, const Link& port) {
    const auto master = links.find(port.master);
    if (master == links.end() || master->second.kind != "bridge" || !is_virtual_end(port)) {
        return false;
    }
    return stack.masters_with_way_out.contains(port.master) || !master->second.default_route;
}

/// The devices on top of `index`, and those on top of them.
void collect_above(const LinkTable& links, const Stack& stack, int index, std::set<int>& above) {
    const auto add = [&](int upper) {
        if (upper != index && links.contains(upper) && above.insert(upper).second) {
            collect_above(links, stack, upper, above);
        }
    };
    add(links.at(index).master);
    const auto [first, last] = stack.uppers.equal_range(index);
    std::for_each(first, last, [&](const auto& upper) { add(upper.second); });
}

/// Masters whose packets leave by their ports as they are; of others it is not known which do.
bool is_known_master(const Link& link) {
    return link.kind == "bridge" || link.kind == "bond" || link.kind == "team" ||
           link.kind == "vrf";
}

}  // namespace

std::vector<Uplink> find_uplinks(const LinkTable& links, const Roles& roles) {
    const Stack stack(links);
    std::vector<Uplink> found;
    for (const auto& [index, link] : links) {
        const bool inside = roles.tunnels.contains(index) || roles.guests.contains(index) ||
                            leads_to_guest(links, stack, link);
        if (index == kLoopbackIndex || inside) {
            continue;
        }
        std::set<int> above;
        collect_above(links, stack, index, above);
        above.erase(index);
        // What a guest sends by it looks like anything else here: only inet knows. What a tunnel
        // sends by it is wrapped, and goes to an endpoint.
        const bool carries_all =
            std::ranges::any_of(above, [&](int upper) { return roles.guests.contains(upper); });
        const auto master = links.find(link.master);
        if (carries_all || (master != links.end() && !is_known_master(master->second))) {
            continue;
        }
        Uplink uplink{link.name, index, {}};
        for (const int upper : above) {
            if (!roles.tunnels.contains(upper)) {
                uplink.above.push_back(links.at(upper).name);
            }
        }
        std::ranges::sort(uplink.above);
        found.push_back(std::move(uplink));
    }
    std::ranges::sort(found);
    return found;
}

}  // namespace ks
