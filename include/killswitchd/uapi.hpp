// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/automatic.hpp"
#include "killswitchd/error.hpp"

#include <cstddef>
#include <string_view>

namespace ks {

/// The question to a WireGuard program of user space (wireguard-go, GotaTun) on its socket.
inline constexpr std::string_view kUapiQuestion = "get=1\n\n";
/// A longer answer is not read. A peer takes some 500 bytes, and 60 more for each of its networks.
inline constexpr std::size_t kMaxUapiBytes = 4UL * 1024 * 1024;

/// Whether `text` ends as an answer does: in an empty line.
[[nodiscard]] bool is_whole_uapi_answer(std::string_view text) noexcept;

/// Reads the answer. Keys that are not of interest, or not known, are passed over: the private key
/// is one of them. Anything else that is not as it should be makes an error of all of it.
/// Source: wireguard.com/xplatform, "Cross-platform Userspace Implementation".
[[nodiscard]] Result<VpnDevice> parse_uapi(std::string_view text);

}  // namespace ks
