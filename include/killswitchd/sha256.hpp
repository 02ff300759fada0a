// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace ks {

/// The SHA-256 of `bytes` as 64 hex digits, as sha256sum(1) prints it. Source: FIPS 180-4.
[[nodiscard]] std::string sha256(std::string_view bytes);

}  // namespace ks
