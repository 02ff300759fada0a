// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include <libnftnl/rule.h>

namespace ks {

/// The NFTA_RULE_EXPRESSIONS of a rule in a netlink message; empty where it has none.
[[nodiscard]] std::string expressions_in(const nlmsghdr* message);

/// What a rule with these expressions does, in the words of `nft list`. For people: it may leave
/// out what another word implies, and of what it does not know it says the name, "[xt]".
[[nodiscard]] std::string decode(const std::string& expressions);

/// \copydoc decode()
[[nodiscard]] std::string decode(const nftnl_rule* rule);

}  // namespace ks
