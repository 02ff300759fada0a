// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/error.hpp"

#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

Error Error::within(std::string_view intent) && {
    return {fmt::format("{}: {}", intent, what), sys_errno};
}

std::string Error::message() const {
    if (sys_errno == 0) {
        return what;
    }
    const char* const name = strerrorname_np(sys_errno);
    return fmt::format("{}: {} ({})", what,
                       strerrordesc_np(sys_errno) ? strerrordesc_np(sys_errno) : "unknown error",
                       name ? name : std::to_string(sys_errno));
}

}  // namespace ks
