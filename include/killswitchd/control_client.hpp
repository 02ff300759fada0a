// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ks {

/// Client side, blocking, for the command line.
class ControlClient {
  public:
    static constexpr std::chrono::seconds kServiceTimeout{5};
    static constexpr std::size_t kMaxReplyBytes = 4UL * 1024 * 1024;

    /// \return ENOENT or ECONNREFUSED when no service listens at `path`; ETIMEDOUT when it does not
    ///         accept (also of send(), when it does not read) for kServiceTimeout.
    [[nodiscard]] static Result<ControlClient> connect(const std::string& path);
    [[nodiscard]] Status send(std::string_view message);  ///< Appends the NUL.
    /// The next message without its NUL. Error without errno at end of stream; ETIMEDOUT; EMSGSIZE
    /// beyond kMaxReplyBytes.
    [[nodiscard]] Result<std::string> receive(std::optional<std::chrono::milliseconds> timeout);
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  private:
    explicit ControlClient(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
    std::string buffer_;
};

}  // namespace ks
