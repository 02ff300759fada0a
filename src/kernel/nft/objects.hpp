// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/handle.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

namespace ks {

using NftTable = CHandle<nftnl_table, nftnl_table_free>;
using NftChain = CHandle<nftnl_chain, nftnl_chain_free>;
using NftRule = CHandle<nftnl_rule, nftnl_rule_free>;
using NftExpr = CHandle<nftnl_expr, nftnl_expr_free>;
using NftSet = CHandle<nftnl_set, nftnl_set_free>;
using NftObject = CHandle<nftnl_obj, nftnl_obj_free>;

/// Typed values to libnftnl objects of our tables. Null only when out of memory.
[[nodiscard]] NftChain make_chain(const Chain& chain);
[[nodiscard]] NftRule make_rule(const std::string& chain, const Rule& rule, TableFamily family);
/// The kernel's number of a hook in its family.
[[nodiscard]] std::uint32_t hook_number(Hook hook) noexcept;
/// The kernel's number of a family: NFPROTO_INET, NFPROTO_ARP, NFPROTO_NETDEV.
[[nodiscard]] std::uint16_t number_of(TableFamily family) noexcept;
[[nodiscard]] NftSet make_set(const Set& set);
[[nodiscard]] NftObject make_counter(const std::string& name);

/// The keys of a set's elements as the kernel stores them, sorted.
[[nodiscard]] std::vector<std::string> element_keys(const Set& set);
/// The same of elements that end by themselves, and when, since boot.
[[nodiscard]] std::map<std::string, std::chrono::nanoseconds> timed_keys(const Set& set);

/// libnftnl objects to text in which two are equal exactly when the kernel does the same with them.
[[nodiscard]] std::string describe_expressions(const nftnl_rule* rule);
[[nodiscard]] std::string describe_key(const nftnl_set* set);
[[nodiscard]] std::string comment_of(const nftnl_rule* rule);

}  // namespace ks
