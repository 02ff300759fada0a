// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace ks {

/// `text` for a terminal or a log: control characters (C0, DEL and C1) and bytes that are no UTF-8
/// as \xNN, so that no name of a process or interface can move a cursor or begin a line.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace ks
