// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <cstdint>
#include <string>

#include <libnftnl/chain.h>

namespace ks {

/// Where a base chain is attached and what it does with what no rule takes, as
/// ObservedChain::base: equal exactly when the kernel does the same. Empty for a regular chain.
[[nodiscard]] std::string describe_base(const Chain& chain);
/// The same of a chain of `family` in the kernel's message about it.
[[nodiscard]] std::string base_in(const nlmsghdr* message, TableFamily family);

/// Whether `nft`, which uses the same libnftnl as this program, gets over a chain
/// at_every_device(). One that can read the rules of a chain and not the chain asks the kernel for
/// both again, for ever: `nft list tables` never ends.
enum class Readers : std::uint8_t {
    read_it,
    pass_over_it,  ///< Where its only rule is a veiled jump, which they cannot read either.
    hang,
};
[[nodiscard]] Readers readers_of_every_device();
/// Whether the only rule of a chain is to be a veiled jump.
[[nodiscard]] bool is_veiled(const Chain& chain);

/// A jump to `target`, followed by an expression that is never reached, and that a library from
/// before Linux 6.2 cannot read: "inner". In a message about a rule.
void put_veiled_jump(nlmsghdr* message, const std::string& target);
/// The same as ObservedRule::expressions.
[[nodiscard]] std::string veiled_jump(const std::string& target);
/// Where the rule in the kernel's message is such a jump, veiled_jump() of its target; else empty.
[[nodiscard]] std::string veiled_jump_in(const nlmsghdr* message);

/// Puts the hook of a chain at_every_device() into a message that creates it: an empty
/// NFTA_DEVICE_PREFIX, which neither libnftnl nor the kernel's headers of Debian 12 know.
void put_hook_at_every_device(nlmsghdr* message, const Chain& chain);

}  // namespace ks
