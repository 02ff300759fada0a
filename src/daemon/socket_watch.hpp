// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/handle.hpp"

#include <string>

namespace ks {

/// Notices when the control socket's file is taken away: the socket lives on, but nobody finds it.
/// Source: inotify(7).
class SocketWatch {
  public:
    /// Never fails: without inotify nothing is noticed, and fd() is -1.
    [[nodiscard]] static SocketWatch open(const std::string& directory);

    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }
    void drain();  ///< Reads what is queued.

  private:
    Fd inotify_;
};

}  // namespace ks
