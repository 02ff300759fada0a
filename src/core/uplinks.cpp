// SPDX-License-Identifier: GPL-2.0-or-later
#include "uplinks.hpp"

#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"

#include <algorithm>
#include <cstddef>
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

/// Masters whose packets leave by their ports as they are; of others it is not known which do.
bool is_known_master(const Link& link) {
    return link.kind == "bridge" || link.kind == "bond" || link.kind == "team" ||
           link.kind == "vrf";
}

/// Finds out by which devices frames leave the host, and whose.
class Finder {
  public:
    Finder(const LinkTable& links, const Roles& roles)
        : links_(links), roles_(roles), stack_(links) {}

    [[nodiscard]] bool leads_inside(int index) {
        const auto known = inside_.find(index);
        if (known != inside_.end()) {
            return known->second;
        }
        inside_[index] = false;  // Of devices in a ring none leads inside.
        return inside_[index] = roles_.guests.contains(index) ||
                                leads_to_guest(links_, stack_, links_.at(index)) ||
                                is_port_of_guest(index);
    }

    Uplink uplink(int index) {
        const Link& link = links_.at(index);
        const auto master = links_.find(link.master);
        Uplink uplink{link.name, index, {}};
        uplink.of_anybody = master != links_.end() && !is_known_master(master->second);
        std::set<int> seen{index};
        climb(index, {}, seen, uplink);
        std::ranges::sort(uplink.above);
        std::ranges::sort(uplink.guest_vlans);
        return uplink;
    }

  private:
    /// A port, of a bridge that is a guest, with no part of its own.
    bool is_port_of_guest(int index) {
        const Link& link = links_.at(index);
        const auto master = links_.find(link.master);
        if (master == links_.end() || !is_known_master(master->second) || link.default_route ||
            !link.addresses.empty() || !leads_inside(link.master)) {
            return false;
        }
        const auto [first, last] = stack_.uppers.equal_range(index);
        return std::all_of(first, last,
                           [&](const auto& upper) { return leads_inside(upper.second); });
    }

    /// Collects the devices whose packets leave by `uplink`, behind `tags`. What a tunnel sends by
    /// it is wrapped, and goes to an endpoint; what only leads to guests can be told by its tag.
    void climb(int index, const std::vector<VlanTag>& tags, std::set<int>& seen, Uplink& uplink) {
        std::vector<int> uppers;
        if (links_.contains(links_.at(index).master)) {
            uppers.push_back(links_.at(index).master);
        }
        const auto [first, last] = stack_.uppers.equal_range(index);
        std::for_each(first, last, [&](const auto& upper) { uppers.push_back(upper.second); });
        for (const int upper : uppers) {
            if (roles_.tunnels.contains(upper) || !seen.insert(upper).second) {
                continue;
            }
            const Link& link = links_.at(upper);
            std::vector<VlanTag> behind = tags;
            if (link.vlan) {
                behind.push_back(*link.vlan);
            }
            if (link.vlan && behind.size() <= kMostTags && leads_inside(upper)) {
                uplink.guest_vlans.push_back(std::move(behind));
                continue;
            }
            uplink.above.push_back(link.name);
            climb(upper, behind, seen, uplink);
        }
    }

    static constexpr std::size_t kMostTags = 2;  // The rules look at no more of them.

    const LinkTable& links_;
    const Roles& roles_;
    Stack stack_;
    std::map<int, bool> inside_;
};

}  // namespace

std::vector<Uplink> find_uplinks(const LinkTable& links, const Roles& roles,
                                 std::vector<InsideDevice>& inside) {
    Finder finder(links, roles);
    std::vector<Uplink> found;
    for (const auto& [index, link] : links) {
        if (index == kLoopbackIndex || roles.tunnels.contains(index)) {
            continue;
        }
        if (!finder.leads_inside(index)) {
            found.push_back(finder.uplink(index));
        } else if (nameable(link.name)) {
            inside.push_back({link.name, link.kind});
        }
    }
    std::ranges::sort(found);
    std::ranges::sort(inside);
    return found;
}

}  // namespace ks
