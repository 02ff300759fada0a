// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ks {

/// Who asks for the names of endpoints, unless the config says otherwise; the packages create it.
inline constexpr const char* kResolverUser = "killswitchd-resolver";

/// Names of users and groups to numbers; replaceable so that parsing stays a function of values.
struct NameLookup {
    std::function<std::optional<std::uint32_t>(const std::string&)> uid;
    std::function<std::optional<std::uint32_t>(const std::string&)> gid;
};
/// getpwnam(3) and getgrnam(3).
[[nodiscard]] NameLookup system_names();
/// The name of a user, or its number where there is none. getpwuid(3).
[[nodiscard]] std::string user_name(std::uint32_t uid);

}  // namespace ks
