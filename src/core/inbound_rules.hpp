// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <string>
#include <vector>

namespace ks {

/// What may open a connection from the side of one tunnel, the ports of its file included.
[[nodiscard]] Inbound inbound_of(const Draft& draft, const Tunnel& tunnel);

/// The flow of a packet that leaves, as a rule learns it.
[[nodiscard]] match::InSet flow_of(IpFamily family);
/// Goes through a chain that remembers flows of UDP, so that their answers are known.
[[nodiscard]] Rule into_tunnel(Draft& draft, std::vector<Match> into, std::string comment);
/// Accepts what is on its way into a tunnel; through that chain where some tunnel needs it.
[[nodiscard]] Rule then_remembered(const Draft& draft);
/// Goes through a chain that lets in answers, and what `inbound` names; see add_tunnels().
/// \param number  Tells the chain from those of other tunnels.
[[nodiscard]] Rule out_of_tunnel(Draft& draft, std::vector<Match> out_of, const Inbound& inbound,
                                 const std::string& number, std::string comment);
/// Ports of `inbound` that another table translates to a guest: what tells them, one list each.
[[nodiscard]] std::vector<std::vector<Match>> translated(const Inbound& inbound);

/// Rules that accept packets and remember their flows, `first` being their first match; none where
/// no tunnel asks for them.
[[nodiscard]] std::vector<Rule> remembering(const Draft& draft, const std::vector<Match>& first,
                                            const std::string& comment);
/// The same of packets into a tunnel that only programs send which `scope: apps` leaves free: IPv6
/// where it is blocked.
[[nodiscard]] std::vector<Rule> remembering_the_free(const Draft& draft,
                                                     const std::string& comment);

}  // namespace ks
