// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/live_table.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

template <class T>
const T* find_named(const std::vector<T>& all, const std::string& name) {
    const auto found = std::ranges::find(all, name, &T::name);
    return found == all.end() ? nullptr : &*found;
}

void compare_chain(const LiveChain& wanted, const LiveChain& live, std::vector<std::string>& out) {
    if (wanted.base != live.base) {
        out.push_back(
            fmt::format("chain {}: is '{}', should be '{}'", wanted.name, live.base, wanted.base));
    }
    const std::size_t common = std::min(wanted.rules.size(), live.rules.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (wanted.rules[i].expressions != live.rules[i].expressions) {
            out.push_back(fmt::format("chain {} rule {}: is '{}', should be '{}'", wanted.name,
                                      i + 1, live.rules[i].expressions,
                                      wanted.rules[i].expressions));
        }
    }
    if (wanted.rules.size() != live.rules.size()) {
        out.push_back(fmt::format("chain {}: has {} rules, should have {}", wanted.name,
                                  live.rules.size(), wanted.rules.size()));
    }
}

void compare_set(const LiveSet& wanted, const LiveSet& live, std::vector<std::string>& out) {
    if (wanted.key != live.key || wanted.elements != live.elements) {
        out.push_back(fmt::format("set {}: has other elements ({} instead of {}) or another key",
                                  wanted.name, live.elements.size(), wanted.elements.size()));
    }
}

/// Names on either side that the other lacks, and pairs that `compare` finds to differ.
template <class T, class Compare>
void compare_named(const char* kind, const std::vector<T>& wanted, const std::vector<T>& live,
                   std::vector<std::string>& out, Compare compare) {
    for (const T& one : wanted) {
        if (const T* const there = find_named(live, one.name)) {
            compare(one, *there, out);
        } else {
            out.push_back(fmt::format("{} {}: missing", kind, one.name));
        }
    }
    for (const T& one : live) {
        if (find_named(wanted, one.name) == nullptr) {
            out.push_back(fmt::format("{} {}: not ours", kind, one.name));
        }
    }
}

void compare_table(const LiveTable& wanted, const LiveTable& live, std::vector<std::string>& out) {
    if (live.dormant) {
        out.push_back(fmt::format("the table{} is dormant: the kernel skips it",
                                  live.family == TableFamily::inet
                                      ? std::string()
                                      : fmt::format(" of {} rules", word(live.family))));
    }
    compare_named("chain", wanted.chains, live.chains, out, compare_chain);
    compare_named("set", wanted.sets, live.sets, out, compare_set);
    for (const auto& [name, value] : wanted.counters) {
        if (!live.counters.contains(name)) {
            out.push_back(fmt::format("counter {}: missing", name));
        }
    }
}

}  // namespace

const LiveTable* find_family(const LiveTable& table, TableFamily family) noexcept {
    if (table.family == family) {
        return &table;
    }
    const auto found = std::ranges::find(table.beside, family, &LiveTable::family);
    return found == table.beside.end() ? nullptr : &*found;
}

std::vector<std::string> differences(const LiveTable& wanted,
                                     const std::optional<LiveTable>& live) {
    if (!live) {
        return {"the table inet killswitchd is missing"};
    }
    std::vector<std::string> out;
    for (const TableFamily family : kFamilies) {
        const LiveTable nothing{family};
        const LiveTable* const should = find_family(wanted, family);
        const LiveTable* const is = find_family(*live, family);
        compare_table(should ? *should : nothing, is ? *is : nothing, out);
    }
    return out;
}

}  // namespace ks
