// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ruleset.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ks {

namespace {

bool names(const Ruleset& part, const std::string& set) {
    return std::ranges::any_of(part.chains, [&](const Chain& chain) {
        return std::ranges::any_of(chain.rules, [&](const Rule& rule) {
            return std::ranges::any_of(rule.matches, [&](const Match& match) {
                const auto* const in = std::get_if<match::InSet>(&match);
                return in != nullptr && in->set == set;
            });
        });
    });
}

std::vector<std::string> counters_in(const std::vector<Chain>& chains) {
    std::vector<std::string> found;
    for (const Chain& chain : chains) {
        for (const Rule& rule : chain.rules) {
            if (!rule.counter.empty() && std::ranges::find(found, rule.counter) == found.end()) {
                found.push_back(rule.counter);
            }
        }
    }
    return found;
}

}  // namespace

std::string_view word(Hook hook) noexcept {
    switch (hook) {
    case Hook::input:
        return "input";
    case Hook::forward:
        return "forward";
    case Hook::output:
        return "output";
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

TableFamily family_of(const Chain& chain) noexcept {
    if (chain.hook == Hook::arp_input) {
        return TableFamily::arp;
    }
    return chain.hook == Hook::egress ? TableFamily::netdev : TableFamily::inet;
}

Ruleset part_of(const Ruleset& ruleset, TableFamily family) {
    Ruleset part;
    std::ranges::copy_if(ruleset.chains, std::back_inserter(part.chains),
                         [&](const Chain& chain) { return family_of(chain) == family; });
    std::ranges::copy_if(ruleset.sets, std::back_inserter(part.sets),
                         [&](const Set& set) { return names(part, set.name); });
    part.counters = family == TableFamily::inet ? ruleset.counters : counters_in(part.chains);
    return part;
}

}  // namespace ks
