// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/control_client.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lease.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <optional>
#include <spawn.h>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks::cli {

namespace {

constexpr int kAgainAfterMs = 1'000;
constexpr int kKilledBy = 128;  // As shells say it.
constexpr int kNotFound = 127;

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) {
        parts.push_back(part);
    }
    return parts;
}

/// Those that end a program, and the end of a child, as something to wait for.
Result<Fd> watch_signals(sigset_t& before) {
    sigset_t watched;
    sigemptyset(&watched);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
        sigaddset(&watched, number);
    }
    sigprocmask(SIG_BLOCK, &watched, &before);
    Fd fd{::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK)};
    return fd ? Result<Fd>(std::move(fd)) : Error{"cannot watch signals", errno};
}

/// Starts the program, with the signals as they were.
Result<pid_t> start(const std::vector<std::string>& command, const sigset_t& signals) {
    std::vector<char*> words;
    for (const std::string& word : command) {
        words.push_back(const_cast<char*>(word.c_str()));  // It changes nothing.
    }
    words.push_back(nullptr);
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&how, &signals);
    pid_t child = 0;
    const int failure =
        ::posix_spawnp(&child, words.front(), nullptr, &how, words.data(), ::environ);
    posix_spawnattr_destroy(&how);
    return failure == 0 ? Result<pid_t>(child)
                        : Error{fmt::format("cannot run '{}'", command.front()), failure};
}

/// Holds the lease while the program runs, and asks for it again from a service that restarted.
class Holder {
  public:
    Holder(const Options& options, LeaseWish wish, ControlClient client, Fd signals, pid_t child)
        : options_(options), wish_(std::move(wish)), client_(std::move(client)),
          signals_(std::move(signals)), child_(child) {}

    /// \return the exit code of the program.
    int wait() {
        for (;;) {
            std::array<pollfd, 2> wanted{
                {{signals_.get(), POLLIN, 0}, {client_ ? client_->fd() : -1, POLLIN, 0}}};
            const int ready = ::poll(wanted.data(), wanted.size(), client_ ? -1 : kAgainAfterMs);
            if (ready < 0 && errno != EINTR) {
                return fail(Error{"cannot wait", errno});
            }
            if (const auto code = take_signals()) {
                return *code;
            }
            if (client_ && wanted[1].revents != 0) {
                client_.reset();
                complain("the service has gone, and the lease with it; asking again");
            }
            if (!client_) {
                ask_again();
            }
        }
    }

  private:
    std::optional<int> take_signals() {
        signalfd_siginfo info{};
        while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            const int number = static_cast<int>(info.ssi_signo);
            // What the terminal sends reaches the program too.
            if (number != SIGCHLD && info.ssi_code == SI_USER) {
                ::kill(child_, number);
            }
        }
        int status = 0;
        if (::waitpid(child_, &status, WNOHANG) != child_) {
            return std::nullopt;
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : kKilledBy + WTERMSIG(status);
    }

    void ask_again() {
        auto lease = ask_lease(options_, wish_);
        if (lease && *lease && (*lease)->reply.error.empty()) {
            client_ = std::move((*lease)->client);
        }
    }

    const Options& options_;
    LeaseWish wish_;
    std::optional<ControlClient> client_;
    Fd signals_;
    pid_t child_;
};

}  // namespace

int endpoint_allow(const Options& options) {
    const auto wish = parse_lease(split_list(options.endpoint), options.only, system_names());
    if (!wish) {
        complain(wish.error().what);
        return kUsage;
    }
    auto lease = ask_lease(options, *wish);
    if (!lease) {
        return fail(lease.error());
    }
    if (!*lease) {
        complain("the service does not run, so nothing would end the lease",
                 "to start it: " + start_command());
        return kFailed;
    }
    if (!(*lease)->reply.error.empty()) {
        return explain_error((*lease)->reply);
    }
    sigset_t before;
    auto signals = watch_signals(before);
    if (!signals) {
        return fail(signals.error());
    }
    const auto child = start(options.command, before);
    if (!child) {
        complain(child.error().message());
        return kNotFound;
    }
    return Holder(options, *wish, std::move((*lease)->client), *std::move(signals), *child).wait();
}

}  // namespace ks::cli
