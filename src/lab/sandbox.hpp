// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/node.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

namespace ks::lab {

/// A PID and a mount namespace whose init dies with the calling process, however that ends, and
/// takes every process inside with it. /proc, /run and the scratch directory are its own.
class Sandbox {
  public:
    [[nodiscard]] static Result<Sandbox> create();
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;
    Sandbox(Sandbox&&) noexcept;
    Sandbox& operator=(Sandbox&&) = delete;
    ~Sandbox();  ///< Kills and reaps everything inside.

    /// fork(2) into both namespaces. \return 0 in the child, which must end with _exit.
    [[nodiscard]] Result<pid_t> fork_inside();
    [[nodiscard]] pid_t init() const noexcept { return init_; }
    /// A tmpfs inside the mount namespace, empty at first.
    [[nodiscard]] const std::string& scratch() const noexcept { return scratch_; }

  private:
    Sandbox() = default;

    pid_t init_ = -1;
    Fd keep_alive_;  ///< Its closing, by whatever death, tells init to end.
    Fd own_pid_ns_;
    Fd pid_ns_;
    Fd mount_ns_;
    std::string scratch_;
    std::vector<pid_t> children_;
};

/// Default signal dispositions, nothing blocked, a session of its own: a Ctrl-C at the terminal
/// reaches the caller, which then cleans up in order.
void become_detached();

/// Moves the calling process into a mount namespace of its own, from which nothing gets out, with
/// the same files. Whoever enters a mount namespace finds himself at its root, not in the chroot of
/// the one who made it: so a chroot is laid over that root.
/// \return what failed, with errno; nullptr when nothing did.
[[nodiscard]] const char* enter_mounts();

}  // namespace ks::lab
