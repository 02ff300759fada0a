// SPDX-License-Identifier: GPL-2.0-or-later
#include "retry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>

namespace ks {

bool is_transient(const Error& error) noexcept {
    constexpr std::array kPassing{ENOBUFS, ENOMEM, EMFILE, ENFILE,    EINTR,   EAGAIN,
                                  EIO,     EBUSY,  ENOSPC, ETIMEDOUT, ERESTART};
    return std::ranges::find(kPassing, error.sys_errno) != kPassing.end();
}

void wait_a_moment() {
    constexpr int kMilliseconds = 100;
    ::poll(nullptr, 0, kMilliseconds);
}

}  // namespace ks
