// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/discover.hpp"
#include "../host/first_config.hpp"
#include "killswitchd/error.hpp"
#include "options.hpp"

#include <string>
#include <vector>

namespace ks::cli {

/// Why nothing can be written, and what would help.
struct NoChoice {
    std::string text;
    std::string hint;
    int code = kFailed;
};

/// What goes into the config: by the options, by the answers of a person at a terminal, or by what
/// leaves no doubt.
[[nodiscard]] Result<Choices, NoChoice> choose(const Options& options,
                                               const std::vector<FoundVpn>& found);

}  // namespace ks::cli
