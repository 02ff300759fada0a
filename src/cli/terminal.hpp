// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/diagnostic.hpp"
#include "killswitchd/error.hpp"
#include "options.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ks::cli {

enum class Tone : std::uint8_t { good, bad, warning, quiet };

/// `text` in the colour of `tone`, where colour is wanted: by --color, else on a terminal without
/// NO_COLOR. Source: no-color.org.
[[nodiscard]] std::string paint(const Options& options, Tone tone, std::string_view text);

/// "error: ..." and "hint: ..." on standard error.
void complain(std::string_view message, std::string_view hint = {});
/// Every diagnostic on standard error.
void complain(const std::vector<Diagnostic>& diagnostics);
/// Complains about `error`. \return kNoPermission for EPERM and EACCES, else kFailed.
[[nodiscard]] int fail(const Error& error);

}  // namespace ks::cli
