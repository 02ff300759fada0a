// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "socket.hpp"

#include <cstdint>

namespace ks {

enum class Lifetime : std::uint8_t {
    process,  ///< The socket closes when this process ends.
    held,     ///< Another process keeps it open.
};

/// The table flags with the strongest protection that the kernel has and that cannot take the table
/// away with this process; 0 when there is none. Asks the kernel, changes nothing.
[[nodiscard]] std::uint32_t best_flags(NftSocket& socket, Lifetime lifetime);

}  // namespace ks
