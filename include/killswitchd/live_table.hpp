// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

struct CounterValue {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const CounterValue&, const CounterValue&) = default;
};

/// One rule as the kernel holds it: its expressions in libnftnl's notation, and its comment.
struct LiveRule {
    std::string expressions;
    std::string comment;
    friend bool operator==(const LiveRule&, const LiveRule&) = default;
};

struct LiveChain {
    std::string name;
    /// "filter input 300 drop" or "filter egress eth0 300 drop" for a base chain, empty for a
    /// regular one.
    std::string base;
    std::vector<LiveRule> rules;
    friend bool operator==(const LiveChain&, const LiveChain&) = default;
};

struct LiveSet {
    std::string name;
    std::string key;                    ///< Key type and length, flags.
    std::vector<std::string> elements;  ///< Raw key bytes, sorted.
    friend bool operator==(const LiveSet&, const LiveSet&) = default;
};

/// Who, if anybody, the kernel protects the table for.
enum class TableOwner : std::uint8_t {
    none,      ///< Anybody with CAP_NET_ADMIN may change it.
    orphan,    ///< Persistent, the owner is gone: anybody may change it until it is claimed.
    us,        ///< Only this socket may change it.
    somebody,  ///< Only another socket may change it.
};

/// Our table, read back from the kernel.
struct LiveTable {
    TableFamily family = TableFamily::inet;
    bool dormant = false;  ///< The kernel skips it: the host is open although the rules are listed.
    bool persist = false;  ///< Outlives its owner.
    TableOwner owner = TableOwner::none;
    std::vector<LiveChain> chains;  ///< Sorted by name.
    std::vector<LiveSet> sets;      ///< Sorted by name.
    std::map<std::string, CounterValue> counters;
    std::vector<LiveTable> beside;  ///< Our tables of other families: at most one of each.
};

/// The table of `family` in `table` or beside it; null when there is none.
[[nodiscard]] const LiveTable* find_family(const LiveTable& table, TableFamily family) noexcept;

/// Where `live` differs from `wanted`, one line each ("chain output rule 3: ..."). Empty: the
/// kernel enforces exactly `wanted`. Counters' values, ownership and comments do not count.
[[nodiscard]] std::vector<std::string> differences(const LiveTable& wanted,
                                                   const std::optional<LiveTable>& live);

}  // namespace ks
