// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

// Catch2 2.13 has one header, 3.x another; both provide the same macros.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace ks::test {

/// Matches a string that holds `part`. Catch2 3 gave the name Contains to ranges.
inline auto contains_text(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
    return Catch::Matchers::ContainsSubstring(part);
#else
    return Catch::Matchers::Contains(part);
#endif
}

}  // namespace ks::test
