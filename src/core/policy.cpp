// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/policy.hpp"

#include "killswitchd/escape.hpp"

#include <string_view>

namespace ks {

bool interface_matches(std::string_view pattern, std::string_view name) noexcept {
    if (pattern.ends_with('*')) {
        return name.starts_with(pattern.substr(0, pattern.size() - 1));
    }
    return pattern == name;
}

bool nameable(std::string_view interface) {
    return escaped(interface) == interface && interface.find_first_of("\"*") == interface.npos;
}

std::string_view word(Mode mode) noexcept {
    switch (mode) {
    case Mode::off:
        return "off";
    case Mode::always:
        return "always";
    case Mode::on_drop:
        return "on-drop";
    }
    return "?";
}

}  // namespace ks
