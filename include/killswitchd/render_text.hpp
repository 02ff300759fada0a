// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// A moment of this boot; see since_boot().
using Moment = std::optional<std::chrono::nanoseconds>;

/// The seconds that an element has left; 0 where that is less than one, or nobody knows.
[[nodiscard]] std::int64_t seconds_left(const TimedElement& element, const Moment& now);

/// The table as nft text that `nft -f` loads over anything that is there, atomically. Pure,
/// deterministic, ends in a newline.
/// \param devices  What stands for a chain at_every_device(), which nft 1.0 cannot write: those
/// that
///                 there are. Without them a comment does.
/// \param now     Without it the text has no elements that end by themselves: what it opens would
///                 have to end some time.
[[nodiscard]] std::string render_text(const Ruleset& ruleset,
                                      const std::vector<std::string>& devices = {},
                                      const Moment& now = {});
/// One rule of a chain of `family` as above, without indentation and newline.
[[nodiscard]] std::string render_text(const Rule& rule, TableFamily family = TableFamily::inet);

}  // namespace ks
