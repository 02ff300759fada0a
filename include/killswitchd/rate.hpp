// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace ks {

/// So many in such a time.
struct Rate {
    std::uint32_t number = 10;
    enum class Per : std::uint32_t {
        second = 1,
        minute = 60,
        hour = 3600,
        day = 86400,
    } per = Per::second;  ///< In seconds.

    [[nodiscard]] std::string str() const;  ///< "10/second", as a config and nft write it.
    friend bool operator==(const Rate&, const Rate&) = default;
};

}  // namespace ks
