// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ks {

/// One place where the kernel's tables are not what they should be.
struct Difference {
    enum class Where : std::uint8_t {
        table,
        chain,  ///< A whole chain is missing or not ours, or its hook, priority or policy differs.
        rule,
        set,
        object,  ///< Anything else that a table holds: counter, map, quota, flowtable ...
    };
    Where where = Where::table;
    TableFamily family = TableFamily::inet;
    std::string kind;      ///< Of an object, in nft's word: "counter".
    std::string name;      ///< Of the chain (a rule's too), set or object; empty for a table.
    std::size_t rule = 0;  ///< Position in the chain from 1: of `is`, without it of `should`.
    /// What the kernel holds and what it should hold, as nft text; absent: nothing. The text is
    /// empty where the place says all, as it does for a foreign chain without a hook.
    std::optional<std::string> is;
    std::optional<std::string> should;
    friend bool operator==(const Difference&, const Difference&) = default;
};

/// "chain inet killswitchd output rule 3", "quota inet killswitchd q", "table arp killswitchd".
[[nodiscard]] std::string place_of(const Difference& difference);

/// The difference in one line: "set inet killswitchd endpoints4 is missing".
[[nodiscard]] std::string describe(const Difference& difference);

}  // namespace ks
