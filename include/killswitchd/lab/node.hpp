// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/process.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ks::lab {

/// Enters a network namespace with the calling thread and leaves it again. Sockets made meanwhile
/// belong to it for ever. Throws std::system_error when entering is refused.
class NetnsGuard {
  public:
    explicit NetnsGuard(int netns);
    NetnsGuard(const NetnsGuard&) = delete;
    NetnsGuard& operator=(const NetnsGuard&) = delete;
    ~NetnsGuard();

  private:
    Fd home_;
};

class Sandbox;

/// One network namespace of the lab.
///
/// Children live in the lab's PID and mount namespace: they die with the lab, see its /proc, an
/// empty /run and its scratch directory, start in a session of their own with default signals, and
/// write stdout and stderr to memory (Process::output). Not for use from several threads.
class Node {
  public:
    [[nodiscard]] static Result<Node> create(std::string name, std::shared_ptr<Sandbox> sandbox);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] int netns() const noexcept { return netns_.get(); }
    [[nodiscard]] NetConfig& net() noexcept { return net_; }

    /// Calls `f` with the calling thread inside this namespace (network only), without a fork.
    template <class F>
    auto inside(F&& f) const {
        const NetnsGuard guard(netns_.get());
        return std::forward<F>(f)();
    }
    [[nodiscard]] Result<Fd> socket(int domain, int type, int protocol) const;
    /// `key` as in sysctl(8) with slashes: "net/ipv4/ip_forward".
    [[nodiscard]] Status sysctl(const std::string& key, std::string_view value) const;

    /// Runs `body` in a forked child; its return value is the exit status.
    [[nodiscard]] Result<Process> start(const std::function<int()>& body) const;
    /// Runs a program. argv[0] is looked up in PATH; the environment is inherited.
    [[nodiscard]] Result<Process> spawn(const std::vector<std::string>& argv) const;
    /// spawn() and wait. \return the exit status; ETIMEDOUT kills the program.
    [[nodiscard]] Result<int> run(const std::vector<std::string>& argv, Millis limit) const;
    [[nodiscard]] Result<int> run(const std::function<int()>& body, Millis limit) const;

  private:
    Node(std::string name, std::shared_ptr<Sandbox> sandbox, Fd netns, NetConfig net);

    std::string name_;
    std::shared_ptr<Sandbox> sandbox_;
    Fd netns_;
    NetConfig net_;
};

}  // namespace ks::lab
