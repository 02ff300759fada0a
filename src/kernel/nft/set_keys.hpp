// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "expressions.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstdint>

namespace ks {

/// Where an address stands in the header of its family.
[[nodiscard]] std::uint32_t address_offset(IpFamily family, bool destination) noexcept;

/// Loads what is looked up in a set, from Expressions::kReg on: each field of a concatenation
/// begins on a 32-bit register of its own, as nft lays them out.
void load_key(Expressions& expressions, const match::InSet& in);
/// The same of a flow.
void load_flow(Expressions& expressions, IpFamily family);

}  // namespace ks
