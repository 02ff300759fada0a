// SPDX-License-Identifier: GPL-2.0-or-later
#include "known_links.hpp"

#include <algorithm>

namespace ks::cli {

std::string interface_with(const State& state, const IpAddress& address) {
    if (state.links) {
        for (const auto& [index, link] : *state.links) {
            if (std::ranges::find(link.addresses, address, &Prefix::address) !=
                link.addresses.end()) {
                return link.name;
            }
        }
    }
    return {};
}

std::string kind_of(const State& state, const std::string& interface) {
    if (state.links) {
        for (const auto& [index, link] : *state.links) {
            if (link.name == interface) {
                return link.kind;
            }
        }
    }
    return {};
}

}  // namespace ks::cli
