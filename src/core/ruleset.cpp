// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ruleset.hpp"

#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ks {

namespace {

/// The sets and counters that a chain names, added to those of others.
struct Named {
    std::set<std::string_view> sets;
    std::set<std::string_view> counters;

    void add(const Chain& chain) {
        for (const Rule& rule : chain.rules) {
            if (!rule.counter.empty()) {
                counters.insert(rule.counter);
            }
            if (rule.remember) {
                sets.insert(rule.remember->name);
            }
            for (const Match& match : rule.matches) {
                if (const auto* const in = std::get_if<match::InSet>(&match)) {
                    sets.insert(in->set);
                }
            }
            if (rule.learn) {
                sets.insert(rule.learn->set);
            }
        }
    }
};

}  // namespace

std::string_view word(Hook hook) noexcept {
    switch (hook) {
    case Hook::input:
        return "input";
    case Hook::forward:
        return "forward";
    case Hook::output:
        return "output";
    case Hook::postrouting:
        return "postrouting";
    case Hook::arp_input:
        return "input";
    case Hook::egress:
        return "egress";
    }
    return "?";
}

std::string_view word(TableFamily family) noexcept {
    switch (family) {
    case TableFamily::inet:
        return "inet";
    case TableFamily::arp:
        return "arp";
    case TableFamily::netdev:
        return "netdev";
    }
    return "?";
}

bool at_every_device(const Chain& chain) noexcept {
    return chain.hook && chain.device && chain.device->name.empty();
}

TableFamily family_of(const Chain& chain) noexcept {
    if (chain.hook == Hook::arp_input) {
        return TableFamily::arp;
    }
    return chain.device ? TableFamily::netdev : TableFamily::inet;
}

TablePart part_of(const Ruleset& ruleset, TableFamily family) {
    TablePart part;
    Named named;
    for (const Chain& chain : ruleset.chains) {
        if (family_of(chain) == family) {
            part.chains.push_back(&chain);
            named.add(chain);
        }
    }
    for (const Set& set : ruleset.sets) {
        if (named.sets.contains(set.name)) {
            part.sets.push_back(&set);
        }
    }
    if (family == TableFamily::inet) {
        part.counters.assign(ruleset.counters.begin(), ruleset.counters.end());
    } else {
        part.counters.assign(named.counters.begin(), named.counters.end());
    }
    return part;
}

}  // namespace ks
