// SPDX-License-Identifier: GPL-2.0-or-later
#include "places.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Far = match::InSet::Far;

/// The set called `set.name` is in the draft afterwards; the same name is the same set.
void ensure(Draft& draft, Set set) {
    if (std::ranges::find(draft.sets, set.name, &Set::name) == draft.sets.end()) {
        draft.sets.push_back(std::move(set));
    }
}

Match interface_match(const std::string& name, Far far) {
    return far == Far::destination ? Match{match::OutInterface{name}}
                                   : Match{match::InInterface{name}};
}

Place one_network(const LinkNetwork& one, Far far) {
    const match::Family family{one.network.address.family};
    Match network = far == Far::destination ? Match{match::Destination{one.network}}
                                            : Match{match::Source{one.network}};
    return {{interface_match(one.interface, far), family, std::move(network)}, one.interface};
}

}  // namespace

std::vector<Match> device_of(const LiveTunnel& tunnel, Far far) {
    const bool out = far == Far::destination;
    std::vector<Match> device;
    if (!tunnel.interface.empty()) {
        device.push_back(interface_match(tunnel.interface, far));
    }
    if (!tunnel.kind.empty()) {
        device.push_back(out ? Match{match::OutKind{tunnel.kind}}
                             : Match{match::InKind{tunnel.kind}});
    }
    if (tunnel.group) {
        device.push_back(out ? Match{match::OutGroup{*tunnel.group}}
                             : Match{match::InGroup{*tunnel.group}});
    }
    return device;
}

std::string name_of(const LiveTunnel& tunnel) {
    return tunnel.interface.empty() ? fmt::format("group {}", tunnel.group.value_or(0))
                                    : tunnel.interface;
}

std::vector<LinkNetwork> of_family(const std::vector<LinkNetwork>& networks, IpFamily family) {
    std::vector<LinkNetwork> some;
    std::ranges::copy_if(networks, std::back_inserter(some), [&](const LinkNetwork& one) {
        return one.network.address.family == family;
    });
    return some;
}

std::vector<Place> places(Draft& draft, const std::vector<LinkNetwork>& networks, Far far,
                          const std::string& name) {
    std::vector<Place> all;
    if (networks.size() <= kLinear) {
        std::ranges::transform(networks, std::back_inserter(all),
                               [&](const LinkNetwork& one) { return one_network(one, far); });
        return all;
    }
    std::map<std::pair<IpFamily, std::uint8_t>, std::vector<LinkNetwork>> by_length;
    for (const LinkNetwork& one : networks) {
        if (one.network.length == 0) {
            all.push_back(one_network(one, far));
        } else {
            by_length[{one.network.address.family, one.network.length}].push_back(one);
        }
    }
    for (auto& [kind, some] : by_length) {
        const auto [family, length] = kind;
        const SetKey key{family, SetKey::Of::link_network, length};
        const std::string set =
            fmt::format("{}{}_{}", name, family == IpFamily::v4 ? 4 : 6, length);
        ensure(draft, {set, key, {}, std::move(some)});
        all.push_back({{match::Family{family}, match::InSet{far, key, set}}});
    }
    return all;
}

std::vector<Match> interfaces(Draft& draft, const std::vector<LinkNetwork>& networks, Far far,
                              const std::string& name) {
    std::vector<LinkNetwork> names;
    for (const LinkNetwork& one : networks) {
        if (names.empty() || names.back().interface != one.interface) {
            names.push_back({one.interface, {}});
        }
    }
    std::vector<Match> all;
    if (names.size() <= kLinear) {
        for (const LinkNetwork& one : names) {
            all.push_back(interface_match(one.interface, far));
        }
        return all;
    }
    const SetKey key{IpFamily::v4, SetKey::Of::interface};
    ensure(draft, {name, key, {}, std::move(names)});
    all.emplace_back(match::InSet{far, key, name});
    return all;
}

}  // namespace ks
