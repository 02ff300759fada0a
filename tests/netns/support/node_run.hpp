// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"

#include <string>
#include <vector>

namespace ks::test {

/// Longest wait for what a test knows to come soon.
inline constexpr lab::Millis kPatience{10'000};

/// Runs a program that has to succeed. \return what it said, when it did not.
[[nodiscard]] Status run_to_end(const lab::Node& node, const std::vector<std::string>& argv);

}  // namespace ks::test
