// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/name_book.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

// The addresses that names had last, in one file of the state directory: what a boot locks with,
// before anybody can be asked.

inline constexpr std::size_t kMaxNameCacheBytes = 1024UL * 1024;

[[nodiscard]] std::string name_cache_text(const NameBook& book);
/// Only addresses that vet() lets pass. Of a text that is damaged, what stands before the damage.
[[nodiscard]] NameBook parse_name_cache(std::string_view text,
                                        const std::vector<IpAddress>& servers);

/// Nothing where the file is missing, not to be trusted or unreadable.
[[nodiscard]] NameBook load_name_cache(const std::string& state_dir,
                                       const std::vector<IpAddress>& servers);
/// Replaces the file.
[[nodiscard]] Status save_name_cache(const std::string& state_dir, const NameBook& book);

}  // namespace ks
