// SPDX-License-Identifier: GPL-2.0-or-later
#include "sandbox.hpp"

#include "killswitchd/lab/node.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks::lab {
namespace {

struct Report {  ///< What init tells its creator, once.
    int failed_errno = 0;
    std::array<char, 64> step{};
};

Fd open_ns(pid_t pid, const char* kind) {
    return Fd(open(fmt::format("/proc/{}/ns/{}", pid, kind).c_str(), O_RDONLY | O_CLOEXEC));
}

/// An existing directory to cover with a tmpfs; /mnt before places where a user's files may be.
std::string pick_scratch() {
    for (const char* const candidate : {"/mnt", "/media", "/srv", "/tmp"}) {
        struct stat info {};
        if (stat(candidate, &info) == 0 && S_ISDIR(info.st_mode)) {
            return candidate;
        }
    }
    return "/tmp";
}

bool make_mounts_private() {
    return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

const char* prepare_mounts(const std::string& scratch) {
    if (const char* const failed = enter_mounts()) {
        return failed;
    }
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
        return "cannot mount /proc";
    }
    // Programs leave sockets and locks in /run; those of the machine are none of the lab's.
    if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0) {
        return "cannot mount /run";
    }
    if (mount("tmpfs", scratch.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0) {
        return "cannot mount a scratch directory";
    }
    return nullptr;
}

[[noreturn]] void run_init(int keep_alive, int report_to, const std::string& scratch) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    become_detached();
    signal(SIGCHLD, SIG_IGN);  // Orphans are reaped by the kernel.
    Report report;
    if (const char* const failed = prepare_mounts(scratch)) {
        report.failed_errno = errno;
        std::strncpy(report.step.data(), failed, report.step.size() - 1);
    }
    if (write(report_to, &report, sizeof report) != sizeof report || report.failed_errno != 0) {
        _exit(1);
    }
    dup2(keep_alive, STDIN_FILENO);  // A stray write end among other descriptors would hide EOF.
    close_range(1, ~0U, 0);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
    }
    _exit(0);
}

}  // namespace

const char* enter_mounts() {
    if (unshare(CLONE_NEWNS) != 0) {
        return "cannot make a mount namespace";
    }
    const Fd own(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    const Fd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat before {};
    struct stat after {};
    if (!own || !root || stat("/", &before) != 0 || setns(own.get(), CLONE_NEWNS) != 0 ||
        stat("/", &after) != 0) {
        return "cannot enter a mount namespace";
    }
    if (!make_mounts_private()) {
        return "cannot make the mounts private";
    }
    if (before.st_dev == after.st_dev && before.st_ino == after.st_ino) {
        return nullptr;
    }
    const Fd tree(open_tree(root.get(), "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE));
    if (!tree || move_mount(tree.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
        fchdir(tree.get()) != 0 || chroot(".") != 0 || !make_mounts_private()) {
        return "cannot take the chroot along";
    }
    return nullptr;
}

void become_detached() {
    for (int number = 1; number < NSIG; ++number) {
        signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setsid();
}

Sandbox::Sandbox(Sandbox&& other) noexcept
    : init_(std::exchange(other.init_, -1)), keep_alive_(std::move(other.keep_alive_)),
      own_pid_ns_(std::move(other.own_pid_ns_)), pid_ns_(std::move(other.pid_ns_)),
      mount_ns_(std::move(other.mount_ns_)), scratch_(std::move(other.scratch_)),
      children_(std::move(other.children_)) {}

Sandbox::~Sandbox() {
    if (init_ <= 0) {
        return;
    }
    kill(init_, SIGKILL);
    // Order: init's exit waits for everyone inside, and only we can reap our own children.
    for (const pid_t child : children_) {
        waitpid(child, nullptr, 0);
    }
    waitpid(init_, nullptr, 0);
}

Result<Sandbox> Sandbox::create() {
    Sandbox made;
    made.scratch_ = pick_scratch();
    made.own_pid_ns_ = Fd(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    std::array<int, 2> keep{-1, -1};
    std::array<int, 2> answer{-1, -1};
    if (!made.own_pid_ns_ || pipe2(keep.data(), O_CLOEXEC) != 0) {
        return Error{"cannot prepare the lab's namespaces", errno};
    }
    const Fd keep_read(keep[0]);
    made.keep_alive_ = Fd(keep[1]);
    if (pipe2(answer.data(), O_CLOEXEC) != 0) {
        return Error{"cannot prepare the lab's namespaces", errno};
    }
    const Fd answer_read(answer[0]);
    Fd answer_write(answer[1]);
    if (unshare(CLONE_NEWPID) != 0) {
        return Error{"cannot make a PID namespace; run it as root", errno};
    }
    made.init_ = fork();
    if (made.init_ == 0) {
        run_init(keep_read.get(), answer_write.get(), made.scratch_);
    }
    const int fork_errno = errno;
    if (setns(made.own_pid_ns_.get(), CLONE_NEWPID) != 0) {
        return Error{"cannot return to the own PID namespace", errno};
    }
    if (made.init_ < 0) {
        return Error{"cannot start the lab's first process", fork_errno};
    }
    answer_write.reset();
    Report report;
    if (read(answer_read.get(), &report, sizeof report) != sizeof report) {
        return Error{"the lab's first process died", 0};
    }
    if (report.failed_errno != 0) {
        return Error{report.step.data(), report.failed_errno};
    }
    made.pid_ns_ = open_ns(made.init_, "pid");
    made.mount_ns_ = open_ns(made.init_, "mnt");
    if (!made.pid_ns_ || !made.mount_ns_) {
        return Error{"cannot open the lab's namespaces", errno};
    }
    return made;
}

Result<pid_t> Sandbox::fork_inside() {
    if (setns(pid_ns_.get(), CLONE_NEWPID) != 0) {
        return Error{"cannot enter the lab's PID namespace", errno};
    }
    const pid_t child = fork();
    if (child == 0) {
        keep_alive_.reset();
        std::array<char, 4096> where{};
        bool known = getcwd(where.data(), where.size()) != nullptr;
        if (setns(mount_ns_.get(), CLONE_NEWNS) != 0) {
            _exit(125);
        }
        if (!known || chdir(where.data()) != 0) {
            known = chdir("/") == 0;
        }
        if (!known) {
            _exit(125);
        }
        become_detached();
        return pid_t{0};
    }
    const int fork_errno = errno;
    if (setns(own_pid_ns_.get(), CLONE_NEWPID) != 0) {
        return Error{"cannot return to the own PID namespace", errno};
    }
    if (child < 0) {
        return Error{"cannot start a process in the lab", fork_errno};
    }
    children_.push_back(child);
    return child;
}

}  // namespace ks::lab
