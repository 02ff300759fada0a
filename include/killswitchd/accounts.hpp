// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace ks {

/// Who asks for the names of endpoints, unless the config says otherwise; the packages create it.
inline constexpr const char* kResolverUser = "killswitchd-resolver";

/// Names of users, groups and groups of interfaces to numbers; replaceable so that parsing stays a
/// function of values.
struct NameLookup {
    std::function<std::optional<std::uint32_t>(const std::string&)> uid;
    std::function<std::optional<std::uint32_t>(const std::string&)> gid;
    std::function<std::optional<std::uint32_t>(const std::string&)> interface_group{};
};
/// The number of `name` in the text of a file such as /etc/iproute2/group: lines of NUMBER NAME.
[[nodiscard]] std::optional<std::uint32_t> number_in(std::istream& table, std::string_view name);
/// getpwnam(3), getgrnam(3) and the tables of ip-link(8).
[[nodiscard]] NameLookup system_names();
/// The name of a user, or its number where there is none. getpwuid(3).
[[nodiscard]] std::string user_name(std::uint32_t uid);

}  // namespace ks
