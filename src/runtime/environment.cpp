// SPDX-License-Identifier: GPL-2.0-or-later
#include "environment.hpp"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

namespace ks {

std::optional<std::int64_t> number_in(const char* variable) {
    const char* const text = std::getenv(variable);
    if (text == nullptr) {
        return std::nullopt;
    }
    const std::string_view digits = text;
    const char* const last = digits.data() + digits.size();
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(digits.data(), last, value);
    return ec == std::errc{} && end == last && value > 0 ? std::optional(value) : std::nullopt;
}

}  // namespace ks
