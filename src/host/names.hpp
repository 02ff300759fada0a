// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "imports.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/name_book.hpp"
#include "killswitchd/paths.hpp"
#include "killswitchd/policy.hpp"

#include <string>
#include <vector>

namespace ks {

/// What `tunnel` and the files that it imports know by name alone.
[[nodiscard]] std::vector<NamedEndpoint> named_servers(const Tunnel& tunnel, const VpnFiles& files);

/// The names that `policy` and the files that it imports have for servers, each once; at most
/// kMaxNames of them. None where nobody is to be asked.
[[nodiscard]] std::vector<std::string> wanted_names(const Policy& policy, const VpnFiles& files);

/// What `book` knows of the names that the config and the files have.
[[nodiscard]] KnownEndpoints endpoints_named(const Policy& policy, const VpnFiles& files,
                                             const NameBook& book);

/// `before`, but of files and names what they say now.
[[nodiscard]] KnownEndpoints learned_endpoints(const Policy& policy, const VpnFiles& files,
                                               const NameBook& book,
                                               const KnownEndpoints& before = {});

/// The same for a process that learns nothing itself: of names and devices, what was kept on the
/// disk.
[[nodiscard]] KnownEndpoints learned_endpoints(const Paths& paths, const Policy& policy,
                                               const VpnFiles& files);

/// Whether a tunnel that is up may be talking to an address of `host`.
[[nodiscard]] bool is_used(const std::string& host, const Policy& policy, const VpnFiles& files,
                           const std::vector<std::string>& tunnels_up);

}  // namespace ks
