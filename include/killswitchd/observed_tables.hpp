// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

struct CounterValue {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const CounterValue&, const CounterValue&) = default;
};

/// One rule as the kernel holds it.
struct ObservedRule {
    std::string expressions;  ///< libnftnl's notation: equal where the kernel does the same.
    std::string comment;
    std::uint64_t handle = 0;  ///< The kernel's number of it in its table; 0 where it is desired.
    std::string wire{};        ///< The expressions as the kernel sent them; empty where desired.
    /// Whether the kernel does and shows the same, whichever rule it is.
    friend bool operator==(const ObservedRule& a, const ObservedRule& b) {
        return a.expressions == b.expressions && a.comment == b.comment;
    }
};

struct ObservedChain {
    std::string name;
    /// "type filter hook input priority 300; policy drop;" for a base chain, empty for a regular
    /// one.
    std::string base;
    std::vector<ObservedRule> rules;
    friend bool operator==(const ObservedChain&, const ObservedChain&) = default;
};

struct ObservedSet {
    std::string name;
    std::string key;                    ///< Key type and length, flags.
    std::vector<std::string> elements;  ///< Raw key bytes, sorted.
    bool anonymous = false;             ///< Part of a rule: comes and goes with it.
    bool by_rules = false;              ///< Rules fill it: its elements are not read.
    /// Raw key bytes of those that end by themselves, and when, since boot: see since_boot().
    std::map<std::string, std::chrono::nanoseconds> timed{};
    friend bool operator==(const ObservedSet&, const ObservedSet&) = default;
};

/// An object of a kind that we never make: quota, limit, flowtable ...
struct ObservedObject {
    std::string kind;  ///< nft's word.
    std::string name;
    friend bool operator==(const ObservedObject&, const ObservedObject&) = default;
};

/// Who, if anybody, the kernel protects the table for.
enum class TableOwner : std::uint8_t {
    none,      ///< Anybody with CAP_NET_ADMIN may change it.
    orphan,    ///< Persistent, the owner is gone: anybody may change it until it is claimed.
    us,        ///< Only this socket may change it.
    somebody,  ///< Only another socket may change it.
};

/// A table of ours, read back from the kernel.
struct ObservedTable {
    bool dormant = false;  ///< The kernel skips it: the host is open although the rules are listed.
    bool persist = false;  ///< Outlives its owner.
    TableOwner owner = TableOwner::none;
    std::uint32_t owner_port = 0;       ///< Netlink port id of the owner's socket; 0: none.
    std::vector<ObservedChain> chains;  ///< Sorted by name.
    std::vector<ObservedSet> sets;      ///< Sorted by name.
    std::map<std::string, CounterValue> counters;
    std::vector<ObservedObject> objects;
};

/// Our tables of all families, side by side, of one generation of the kernel's rules.
using ObservedTables = std::map<TableFamily, ObservedTable>;

/// The table of `family`; null when there is none.
[[nodiscard]] const ObservedTable* find_table(const ObservedTables& tables,
                                              TableFamily family) noexcept;

/// The chain or set called `name` in a list that is sorted by name; null when there is none.
template <class T>
[[nodiscard]] const T* find_named(const std::vector<T>& sorted, std::string_view name) {
    const auto found = std::ranges::lower_bound(sorted, name, {}, &T::name);
    return found == sorted.end() || found->name != name ? nullptr : &*found;
}

}  // namespace ks
