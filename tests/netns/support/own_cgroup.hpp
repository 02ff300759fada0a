// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace ks::test {

/// A cgroup of its own, two levels deep. This process and its sockets can be moved into it.
class OwnCgroup {
  public:
    /// Ends the test as skipped where there is no cgroup of version 2.
    OwnCgroup();
    OwnCgroup(const OwnCgroup&) = delete;
    OwnCgroup& operator=(const OwnCgroup&) = delete;
    ~OwnCgroup();

    [[nodiscard]] std::string path() const { return outer_ + "/vpn"; }
    void make() const;
    void remove() const;
    void enter() const;
    void leave() const;

  private:
    std::string outer_;
    std::string home_;
};

}  // namespace ks::test
