// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/intents.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/step.hpp"
#include "observe.hpp"

#include <string>
#include <variant>

namespace ks {

/// Makes the kernel hold what `world` calls for, without a service, and the disk what is intended.
/// \return the state afterwards, which says in remember_error when the disk could not be written;
///         the error of the commit, after which the rules are as they were.
[[nodiscard]] Result<State> enforce(const Paths& paths, const World& world, Nftables nftables);

/// As open_nftables(), but through the socket that owns our table, where one does. So the commands
/// of a stopped service can change what belongs to the socket that systemd holds for it.
/// \return what is in the way, and the command that helps.
[[nodiscard]] Result<Nftables> open_owner(Ownership ownership);

/// What is left of ours in the kernel after everything should be gone: nothing, or what and why.
[[nodiscard]] Status prove_open(Nftables& nftables);

/// What came of a request without a service: the state that holds now, the reason why it was
/// refused and nothing changed, or what went wrong.
using Outcome = std::variant<State, Refusal, Error>;
[[nodiscard]] Outcome change(const Paths& paths, World world, const Request& request,
                             const std::string& by);

}  // namespace ks
