// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/name_messages.hpp"
#include "own_child.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ks {

/// The connection to the resolver. Nothing runs there once it is closed.
class ResolverLink {
  public:
    /// Connects to the one that systemd starts at `socket`; where nobody listens there, starts one
    /// as `user`.
    [[nodiscard]] static Result<ResolverLink> open(const std::string& socket, std::uint32_t user);

    [[nodiscard]] int fd() const noexcept { return connection_.get(); }
    [[nodiscard]] Status ask(const NameQuestion& question);
    /// One reply; nothing when none is there yet. \return an error when none will come any more.
    [[nodiscard]] Result<std::optional<NameReply>> receive();

  private:
    ResolverLink(Fd connection, std::optional<OwnChild> child);

    Fd connection_;
    std::optional<OwnChild> child_;
};

}  // namespace ks
