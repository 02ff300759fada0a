// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/name_book.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace ks {

// `dns.hosts`: the names of endpoints in /etc/hosts, so that the VPN's program needs no DNS.

inline constexpr std::size_t kMaxHostsBytes = 4UL * 1024 * 1024;

/// One line for each address of the newest answer of each name; empty without any.
[[nodiscard]] std::string hosts_lines(const NameBook& book);

/// `text` with `lines` in our marked block at its end, in place of the block that it had; without
/// lines there is no block. Everything else stays as it is.
[[nodiscard]] std::string with_hosts_block(std::string_view text, std::string_view lines);

/// Puts `lines` into the file. Replaces it at once, with its mode and owner; a link stays one.
/// Nothing is written when nothing changes. \return EROFS and the like where it may not be written.
[[nodiscard]] Status publish_hosts(const std::string& path, std::string_view lines);

}  // namespace ks
