// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ks::proof {

/// One file of evidence, readable by all.
[[nodiscard]] Status write_evidence_file(const std::string& directory, const std::string& name,
                                         std::string_view text);

/// The manifest of files that are in `directory` now: the size and SHA-256 of each.
[[nodiscard]] Status write_manifest(const std::string& directory,
                                    const std::vector<std::string>& names);

/// Name -> content of each file in the manifest, when each is as the manifest says. Takes whatever
/// is in the directory: follows no link, and has limits on everything.
[[nodiscard]] Result<std::map<std::string, std::string>>
read_manifest_files(const std::string& directory);

}  // namespace ks::proof
