// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/diagnostic.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/vpn_file.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace ks {

/// Path -> what was read there.
using VpnFiles = std::map<std::string, VpnFile>;

/// Reads one file that decides about safety: it and its directory must belong to root or the
/// effective user, and nobody else may write to them.
[[nodiscard]] Result<std::string> read_trusted(const std::string& path, std::size_t most);
/// The same of the file of a VPN program. What is wrong is in `findings`.
[[nodiscard]] VpnFile read_vpn_file(const std::string& path);

/// Every file that `policy` imports, as it is now.
[[nodiscard]] VpnFiles read_vpn_files(const Policy& policy);

/// What `files` say of the tunnels of `policy`: learned now, unless it is in `before`.
[[nodiscard]] KnownEndpoints endpoints_in(const VpnFiles& files, const Policy& policy,
                                          const KnownEndpoints& before = {});

/// What is wrong with the files, each once. One that cannot be used, or names no server, is an
/// error where a tunnel has no other endpoint, and what is unreadable in any case.
[[nodiscard]] std::vector<Diagnostic> findings_in(const VpnFiles& files, const Policy& policy);

/// Marks that the files' programs set and `policy` does not ask for, or asks otherwise: sentences
/// that say what to write.
[[nodiscard]] std::vector<std::string> mark_hints(const VpnFiles& files, const Policy& policy);

/// "added ...; removed ...", of one file; empty when it names the same servers.
[[nodiscard]] std::string change_between(const VpnFile& before, const VpnFile& after);

}  // namespace ks
