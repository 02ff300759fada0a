// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/config.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// `text` with `endpoints` written before each word `auto` of a line (from 1) in turn, as the items
/// of the list that stands there: what a person would write, comments untouched. One of them is
/// what was meant; none where the line has no such word.
[[nodiscard]] std::vector<std::string> with_pinned(std::string_view text, unsigned line,
                                                   const std::vector<Endpoint>& endpoints);

/// Writes what was learned of the tunnels of `config` beside their `auto`. Each file is replaced
/// whole, and only by one that means the same and these endpoints besides.
/// \return what was written, for people; an error has changed nothing more.
[[nodiscard]] Result<std::vector<std::string>> pin_endpoints(const LoadedConfig& config,
                                                             const KnownEndpoints& learned);

}  // namespace ks
