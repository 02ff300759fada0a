// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "cut.hpp"
#include "killswitchd/intents.hpp"
#include "options.hpp"

#include <cstdint>
#include <optional>

namespace ks::cli {

/// What the config on the disk would cut, with the intents that `request` leads to, or as they are
/// when there is none. Of what is open now only; of what is locked already the session alone.
/// \return nothing where that cannot be told: the config or the request is refused.
[[nodiscard]] std::optional<Cut> foresee(const Options& options,
                                         const std::optional<Request>& request);

/// Whether what is asked for opens again where nobody confirms it.
enum class Undo : std::uint8_t { no, by_itself };
/// Prints what will be cut, before it is. \return whether to go on: not when it would cut the SSH
/// session that asks, unless that is undone by itself or wanted.
[[nodiscard]] bool warn_of_cut(const Options& options, const std::optional<Request>& request,
                               Undo undo);

}  // namespace ks::cli
