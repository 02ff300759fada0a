// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/policy.hpp"

#include "killswitchd/escape.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

namespace ks {

std::vector<std::string> confined_cgroups(const Policy& policy) {
    if (policy.scope != Scope::apps) {
        return {};
    }
    std::vector<std::string> paths = policy.apps.cgroups;
    paths.emplace_back(kConfinedSlice);
    return paths;
}

std::string PortSpec::str() const {
    const std::string range = ports.first == ports.last
                                  ? std::to_string(ports.first)
                                  : fmt::format("{}-{}", ports.first, ports.last);
    return fmt::format("{}/{}", range, proto::name(protocol));
}

bool interface_matches(std::string_view pattern, std::string_view name) noexcept {
    if (pattern.ends_with('*')) {
        return name.starts_with(pattern.substr(0, pattern.size() - 1));
    }
    return pattern == name;
}

std::optional<std::uint32_t> group_in(std::string_view pattern) noexcept {
    constexpr std::string_view kGroup = "group:";
    if (!pattern.starts_with(kGroup)) {
        return std::nullopt;
    }
    pattern.remove_prefix(kGroup.size());
    std::uint32_t number = 0;
    const char* const end = pattern.data() + pattern.size();
    const auto read = std::from_chars(pattern.data(), end, number);
    return read.ec == std::errc{} && read.ptr == end ? std::optional(number) : std::nullopt;
}

bool interface_matches(std::string_view pattern, std::string_view name,
                       std::uint32_t group) noexcept {
    const auto wanted = group_in(pattern);
    return wanted ? *wanted == group : interface_matches(pattern, name);
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
