// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/handle.hpp"

#include <string>
#include <vector>

namespace ks::test {

/// Moves this process into a new, empty network namespace in which only lo is up. Ends the program
/// with 77 (skipped) where the kernel does not permit that. One per test case: the next one gets a
/// namespace of its own, and the kernel removes the old one.
void enter_private_network();

struct Output {
    int status = 0;    ///< Exit code.
    std::string text;  ///< Standard output and standard error.
};
/// Runs a shell command.
[[nodiscard]] Output run(const std::string& command);
/// Runs a shell command that must succeed; throws what it printed otherwise.
std::string must(const std::string& command);
/// Feeds `text` to the standard input of a shell command.
[[nodiscard]] Output run_with_input(const std::string& command, const std::string& text);
/// Lines for `ip FAMILY -batch` (family "-4", "-6" or none); throws where one fails.
void ip(const std::vector<std::string>& lines, const char* family = "");
/// Ends the program with 77 where one of these programs is missing.
void need_programs(const std::vector<std::string>& programs);

/// A tun device of this namespace, up, without addresses. It lives as long as the object.
class Tun {
  public:
    explicit Tun(const std::string& name);
    /// Lets `packet` arrive on the device; the kernel has handled it when this returns.
    void inject(const std::string& packet) const;
    /// The next packet that was sent to the device, empty when there is none. Never blocks.
    [[nodiscard]] std::string next() const;
    void drain() const;  ///< Forgets what next() would give.
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    Fd fd_;
};

}  // namespace ks::test
