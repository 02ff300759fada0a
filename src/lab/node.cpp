// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/node.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/process.hpp"
#include "sandbox.hpp"

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ks::lab {
namespace {

Fd current_netns() {
    return Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

constexpr int kNoSuchProgram = 127;

}  // namespace

NetnsGuard::NetnsGuard(int netns) : home_(current_netns()) {
    if (!home_ || setns(netns, CLONE_NEWNET) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot enter a lab namespace");
    }
}

NetnsGuard::~NetnsGuard() {
    if (setns(home_.get(), CLONE_NEWNET) != 0) {
        std::abort();  // Going on in the wrong network would be worse than ending here.
    }
}

Node::Node(std::string name, std::shared_ptr<Sandbox> sandbox, Fd netns, NetConfig net)
    : name_(std::move(name)), sandbox_(std::move(sandbox)), netns_(std::move(netns)),
      net_(std::move(net)) {}

Result<Node> Node::create(std::string name, std::shared_ptr<Sandbox> sandbox) {
    Fd home = current_netns();
    if (!home || unshare(CLONE_NEWNET) != 0) {
        return Error{fmt::format("cannot make a network namespace for {}; run it as root", name),
                     errno};
    }
    Fd netns = current_netns();
    auto net = NetConfig::open();
    if (setns(home.get(), CLONE_NEWNET) != 0) {
        std::abort();  // As in ~NetnsGuard.
    }
    if (!netns || !net) {
        return Error{fmt::format("cannot open the network namespace of {}", name), errno};
    }
    return Node(std::move(name), std::move(sandbox), std::move(netns), *std::move(net));
}

Result<Fd> Node::socket(int domain, int type, int protocol) const {
    return inside([&]() -> Result<Fd> {
        Fd made(::socket(domain, type | SOCK_CLOEXEC, protocol));
        if (!made) {
            return Error{fmt::format("cannot open a socket in {}", name_), errno};
        }
        return made;
    });
}

Status Node::sysctl(const std::string& key, std::string_view value) const {
    // Through the lab's own /proc: the caller's may be mounted read-only.
    const std::string path = fmt::format("/proc/{}/root/proc/sys/{}", sandbox_->init(), key);
    return inside([&]() -> Status {
        const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!file || write(file.get(), value.data(), value.size()) < 0) {
            return Error{fmt::format("cannot set {} to {} in {}", key, value, name_), errno};
        }
        return Done{};
    });
}

Result<Process> Node::start(const std::function<int()>& body) const {
    Fd output(memfd_create("lab-output", MFD_CLOEXEC));
    if (!output || fcntl(output.get(), F_SETFL, O_APPEND) != 0) {
        return Error{"cannot make room for a program's output", errno};
    }
    // Forked from within, so that the child is in its namespace before anyone can look.
    const NetnsGuard guard(netns_.get());
    auto child = sandbox_->fork_inside();
    if (!child) {
        return std::move(child).error();
    }
    if (*child == 0) {
        const Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
        dup2(nothing.get(), STDIN_FILENO);
        dup2(output.get(), STDOUT_FILENO);
        dup2(output.get(), STDERR_FILENO);
        _exit(body());
    }
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, *child, 0)));
    if (!pidfd) {
        return Error{fmt::format("cannot watch process {}", *child), errno};
    }
    return Process(*child, std::move(pidfd), std::move(output));
}

Result<Process> Node::spawn(const std::vector<std::string>& argv) const {
    std::vector<char*> words;
    for (const std::string& word : argv) {
        words.push_back(const_cast<char*>(word.c_str()));
    }
    words.push_back(nullptr);
    return start([&words] {
        execvp(words.front(), words.data());
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", words.front(), strerrorname_np(errno));
        return kNoSuchProgram;
    });
}

namespace {

Result<int> finish(Result<Process> process, Millis limit) {
    if (!process) {
        return std::move(process).error();
    }
    return process->wait(limit);
}

}  // namespace

Result<int> Node::run(const std::vector<std::string>& argv, Millis limit) const {
    return finish(spawn(argv), limit);
}

Result<int> Node::run(const std::function<int()>& body, Millis limit) const {
    return finish(start(body), limit);
}

}  // namespace ks::lab
