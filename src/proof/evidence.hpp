// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "proof.hpp"

#include <cstddef>
#include <string>

namespace ks::proof {

/// Makes the directory, or takes it when it is empty. \return ENOTEMPTY when it is not.
[[nodiscard]] Status begin_evidence(const std::string& directory);

/// PlayOptions::captures of one drill.
[[nodiscard]] std::string captures_in(const std::string& directory, const std::string& drill);

/// Beside the captures of every drill of `proof`: config, rules, the page, what was sent, and a
/// manifest with the hash of each file.
[[nodiscard]] Status write_evidence(const std::string& directory, const Proof& proof);

struct Verified {
    Proof proof;            ///< Judged anew by the captures.
    std::size_t files = 0;  ///< That are as the manifest says.
};
/// Takes files that anybody may have written.
[[nodiscard]] Result<Verified> verify_evidence(const std::string& directory);

}  // namespace ks::proof
