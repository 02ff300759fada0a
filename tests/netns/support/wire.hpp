// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"

#include <cstdint>
#include <string>

namespace ks::test {

/// The IP packet that `packet` describes, with valid checksums. Its last four bytes are `tag`.
[[nodiscard]] std::string wire(const PacketView& packet, std::uint32_t tag);
/// Whether `bytes` is, or ends in, the packet that was made with `tag`.
[[nodiscard]] bool has_tag(const std::string& bytes, std::uint32_t tag);

}  // namespace ks::test
