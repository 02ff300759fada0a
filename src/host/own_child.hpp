// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <cstdint>

#include <sys/types.h>

namespace ks {

/// A child that is this very program as another user, without any privilege. The destructor kills
/// and reaps it.
class OwnChild {
  public:
    /// Runs `killswitchd WORD` as `user` with `input` as its standard input; its output is ours.
    /// \return EPERM without the right to become another user. What fails later ends the child.
    [[nodiscard]] static Result<OwnChild> start(const char* word, std::uint32_t user,
                                                const Fd& input);
    OwnChild(const OwnChild&) = delete;
    OwnChild& operator=(const OwnChild&) = delete;
    OwnChild(OwnChild&& other) noexcept;
    OwnChild& operator=(OwnChild&& other) noexcept;
    ~OwnChild();

  private:
    explicit OwnChild(pid_t pid) noexcept : pid_(pid) {}
    void end() noexcept;

    pid_t pid_ = -1;
};

}  // namespace ks
