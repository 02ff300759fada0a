// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/accounts.hpp"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <istream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <grp.h>
#include <pwd.h>

namespace ks {

namespace {

/// Decimal, or hexadecimal with 0x.
std::optional<std::uint32_t> number_from(std::string_view text) {
    constexpr int kDecimal = 10, kHexadecimal = 16;
    const bool hex = text.starts_with("0x");
    text.remove_prefix(hex ? 2 : 0);
    std::uint32_t value = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value, hex ? kHexadecimal : kDecimal);
    return read.ec == std::errc{} && read.ptr == end ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> number_in(std::istream& table, std::string_view name) {
    for (std::string line; std::getline(table, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string number;
        std::string known;
        if (words >> number >> known && known == name) {
            return number_from(number);
        }
    }
    return std::nullopt;
}

NameLookup system_names() {
    return {
        [](const std::string& name) -> std::optional<std::uint32_t> {
            const passwd* const user = ::getpwnam(name.c_str());
            return user ? std::optional<std::uint32_t>(user->pw_uid) : std::nullopt;
        },
        [](const std::string& name) -> std::optional<std::uint32_t> {
            const group* const entry = ::getgrnam(name.c_str());
            return entry ? std::optional<std::uint32_t>(entry->gr_gid) : std::nullopt;
        },
        [](const std::string& name) -> std::optional<std::uint32_t> {
            for (const char* const path : {"/etc/iproute2/group", "/usr/share/iproute2/group"}) {
                std::ifstream table(path);
                if (const auto number = number_in(table, name)) {
                    return number;
                }
            }
            return std::nullopt;
        }};
}

std::string user_name(std::uint32_t uid) {
    const passwd* const user = ::getpwuid(uid);
    return user ? user->pw_name : std::to_string(uid);
}

}  // namespace ks
