// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace ks::test {

/// Ends the process with the status of a skipped test.
[[noreturn]] void skip(const std::string& why);

/// Ends the test program with 77 ("skipped") and a message when one of `programs` is not in PATH,
/// or when the calling user may not make network namespaces.
void require_programs(const std::vector<std::string>& programs);

/// The killswitchd under test: the environment's KS_PROGRAM.
[[nodiscard]] std::string killswitchd();

/// Whether the long combinations run too: the environment's KS_LONG is set.
[[nodiscard]] bool long_run();

}  // namespace ks::test
