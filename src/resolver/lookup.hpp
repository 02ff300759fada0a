// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/name_messages.hpp"

#include <chrono>
#include <memory>
#include <vector>

#include <poll.h>

namespace ks {

/// One question that is being asked, of its servers alone: from a port of its own, without search
/// domains and without the files of this machine.
class Lookup {
  public:
    [[nodiscard]] static Result<Lookup> start(const NameQuestion& question);
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;
    Lookup(Lookup&&) noexcept;
    Lookup& operator=(Lookup&&) noexcept;
    ~Lookup();

    /// Appends what it waits for. \return the longest time to wait.
    [[nodiscard]] std::chrono::milliseconds waits_for(std::vector<pollfd>& descriptors) const;
    /// Goes on with what poll(2) found; `found` are the descriptors that it asked for.
    void go_on(const pollfd* found, std::size_t count);

    [[nodiscard]] bool done() const;
    [[nodiscard]] NameReply reply() const;  ///< When it is done.

  private:
    struct Impl;
    explicit Lookup(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks
