// SPDX-License-Identifier: GPL-2.0-or-later
#include "duration.hpp"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

namespace ks::cli {

Result<std::chrono::seconds> parse_duration(std::string_view text) {
    std::uint32_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, ec] = std::from_chars(text.data(), last, number);
    const std::string_view unit(end, static_cast<std::size_t>(last - end));
    const std::uint32_t factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : 3600;
    if (ec != std::errc{} || (factor == 3600 && unit != "h")) {
        return Error{fmt::format("'{}' is not a duration", text)};
    }
    return std::chrono::seconds(std::uint64_t{number} * factor);
}

}  // namespace ks::cli
