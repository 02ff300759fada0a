// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/accounts.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include <grp.h>
#include <pwd.h>

namespace ks {

NameLookup system_names() {
    return {[](const std::string& name) -> std::optional<std::uint32_t> {
                const passwd* const user = ::getpwnam(name.c_str());
                return user ? std::optional<std::uint32_t>(user->pw_uid) : std::nullopt;
            },
            [](const std::string& name) -> std::optional<std::uint32_t> {
                const group* const entry = ::getgrnam(name.c_str());
                return entry ? std::optional<std::uint32_t>(entry->gr_gid) : std::nullopt;
            }};
}

std::string user_name(std::uint32_t uid) {
    const passwd* const user = ::getpwuid(uid);
    return user ? user->pw_name : std::to_string(uid);
}

}  // namespace ks
