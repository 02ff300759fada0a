// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/difference.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

std::string place_of(const Difference& difference) {
    const std::string_view family = word(difference.family);
    switch (difference.where) {
    case Difference::Where::table:
        return fmt::format("table {} {}", family, kTable);
    case Difference::Where::chain:
        return fmt::format("chain {} {} {}", family, kTable, difference.name);
    case Difference::Where::rule:
        return fmt::format("chain {} {} {} rule {}", family, kTable, difference.name,
                           difference.rule);
    case Difference::Where::set:
        return fmt::format("set {} {} {}", family, kTable, difference.name);
    case Difference::Where::object:
        return fmt::format("{} {} {} {}", difference.kind, family, kTable, difference.name);
    }
    return {};
}

std::string describe(const Difference& difference) {
    const std::string place = place_of(difference);
    if (difference.is && difference.should) {
        return fmt::format("{}: is '{}', should be '{}'", place, *difference.is,
                           *difference.should);
    }
    const char* const what = difference.is ? "is not ours" : "is missing";
    const std::optional<std::string>& text = difference.is ? difference.is : difference.should;
    return text && !text->empty() ? fmt::format("{}: '{}' {}", place, *text, what)
                                  : fmt::format("{} {}", place, what);
}

}  // namespace ks
