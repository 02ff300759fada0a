// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/policy.hpp"
#include "readers.hpp"
#include "tree.hpp"

#include <vector>

namespace ks {

/// Ports, each once; what overlaps is reported. Used wherever ports are listed.
[[nodiscard]] std::vector<PortSpec> read_ports(Context& context, const Node& node);
[[nodiscard]] Node write_ports(const std::vector<PortSpec>& ports);

/// The value of `inbound`.
void read_inbound(Context& context, const Node& node, Inbound& inbound);
[[nodiscard]] Node write_inbound(const Inbound& inbound);

/// What `inbound` of `tunnel` opens, or does not although it seems so.
void warn_about_inbound(Context& context, const Tunnel& tunnel, const Place& at);
/// The kernel does not tell packets of one IPsec policy from those of another: what is asked of
/// them is the same in all such tunnels.
/// \param inbound_at, private_at  Where `tunnel`, which is none of `policy` yet, says it.
void require_agreement(Context& context, const Policy& policy, const Tunnel& tunnel,
                       const Place& inbound_at, const Place& private_at);

}  // namespace ks
