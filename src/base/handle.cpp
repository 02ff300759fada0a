// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/handle.hpp"

#include <unistd.h>

namespace ks {

void Fd::reset(int fd) noexcept {
    if (fd_ >= 0) {
        ::close(fd_);
    }
    fd_ = fd;
}

}  // namespace ks
