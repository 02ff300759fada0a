// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

/// What libFuzzer and replay.cpp call with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ks::fuzz {

/// The input as text; valid as long as `data`.
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program where something does not hold that holds for every input.
inline void expect(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace ks::fuzz
