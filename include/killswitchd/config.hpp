// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/accounts.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// One config file, already read.
struct ConfigText {
    std::string file;  ///< As shown in diagnostics.
    std::string text;
};

/// Where the value of a key stands.
struct ConfigPlace {
    std::string file;
    unsigned line = 0;  ///< From 1.
    friend bool operator==(const ConfigPlace&, const ConfigPlace&) = default;
};

struct LoadedConfig {
    /// Of load_config() and parse_config(): present exactly when no diagnostic is an error.
    std::optional<Policy> policy;
    std::vector<Diagnostic> diagnostics;
    /// Nothing is wrong but names of users or groups that are not known here.
    bool only_names_unknown = false;
    std::vector<std::string> files;  ///< In the order they were merged.
    /// Of every value that counts, by its path: "mode", "tunnels[0]", "allow.outbound[1].to".
    std::map<std::string, ConfigPlace> places{};
    std::string hash;  ///< 16 hex digits over names and contents, for `status`.

    [[nodiscard]] bool ok() const noexcept { return policy.has_value(); }
};

/// Merges the texts in order (maps merge, lists append, scalars override) and validates the result.
/// Pure but for `names`. Every error of every text is reported, none twice.
[[nodiscard]] LoadedConfig parse_config(const std::vector<ConfigText>& texts,
                                        const NameLookup& names);

inline constexpr std::size_t kMaxConfigBytes = 256UL * 1024;

/// Reads `main_file` and, when it is called killswitchd.yaml, conf.d/*.yaml beside it in name
/// order.
///
/// Each file is opened once and judged on the descriptor: regular, owned by root (or by the
/// caller's effective user), not writable by group or others, at most kMaxConfigBytes, valid UTF-8.
/// So are the directory of the drop-ins and that of the main file, whose sticky bit counts only
/// where no drop-ins do. What fails becomes a diagnostic with line 0 whose message names the errno,
/// or the command that mends it.
[[nodiscard]] LoadedConfig load_config(const std::string& main_file);

/// LoadedConfig::hash of what is on the disk now, without looking up a name.
[[nodiscard]] std::string config_hash(const std::string& main_file);

}  // namespace ks
