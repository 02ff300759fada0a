// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/config.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/paths.hpp"

namespace ks {

/// Loads the config. Where nothing is wrong with it but names that cannot be looked up (yet), as at
/// a boot before LDAP, its policy is the one that keep_last_good() kept of the very same files: so
/// it opens nothing that the files do not. The diagnostics, and only_names_unknown, stay.
[[nodiscard]] LoadedConfig load_usable_config(const Paths& paths);

/// Keeps the policy of `config` in the state directory, for load_usable_config(). Needs a policy.
[[nodiscard]] Status keep_last_good(const Paths& paths, const LoadedConfig& config);

}  // namespace ks
