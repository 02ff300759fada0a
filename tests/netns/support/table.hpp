// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <string>
#include <vector>

namespace ks::test {

/// Throws what the kernel said where the object cannot be opened.
[[nodiscard]] Nftables open_nftables(Ownership ownership);
/// Throws the message of a failure.
void require(const Status& status);

/// A policy with a set, linear endpoints of both families and every chain there is.
[[nodiscard]] Policy example_policy();
[[nodiscard]] Ruleset example_rules(StateName state);

/// differences() between `ruleset` and what the kernel holds now, one line each.
[[nodiscard]] std::vector<std::string> wrong(Nftables& nftables, const Ruleset& ruleset);
/// Our table as nft lists it, without what says nothing about rules: counted packets, the order of
/// set elements, the order in which chains, sets and counters were made.
[[nodiscard]] std::string normalised(const std::string& listing);
/// normalised() of the table in this network namespace.
[[nodiscard]] std::string listed();

}  // namespace ks::test
