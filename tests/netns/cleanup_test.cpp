// SPDX-License-Identifier: GPL-2.0-or-later
#include "../../src/lab/sandbox.hpp"
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/process.hpp"
#include "support/node_run.hpp"
#include "support/programs.hpp"

#include <algorithm>
#include <cerrno>
#include <compare>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ks;

namespace {

namespace fs = std::filesystem;

/// Makes every mount read-only for the calling process and its children, and tries it.
bool forbid_writing() {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (lab::enter_mounts() != nullptr || syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE,
                                                  &attributes, sizeof attributes) != 0) {
        return false;
    }
    for (const char* const place : {"/tmp/ks-cleanup-probe", "/run/ks-cleanup-probe"}) {
        const Fd file(open(place, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (file || errno != EROFS) {
            return false;
        }
    }
    return true;
}

/// A copy of the demo's config that is trusted: the tree's own may belong to whoever cloned it.
class TrustedDemo {
  public:
    TrustedDemo() {
        const char* const config = std::getenv("KS_DEMO");
        fs::copy_file(config == nullptr ? "examples/demo.yaml" : config, path_);
        fs::permissions(path_, fs::perms::owner_read);
    }
    TrustedDemo(const TrustedDemo&) = delete;
    TrustedDemo& operator=(const TrustedDemo&) = delete;
    ~TrustedDemo() { fs::remove(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_ = fmt::format("/tmp/ks-cleanup-{}.yaml", getpid());
};

/// `killswitchd test` in a session of its own, where nothing can be written.
pid_t start_test(const std::vector<std::string>& arguments) {
    static const TrustedDemo demo;
    std::vector<std::string> words{test::killswitchd(), "test", "--config", demo.path()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    std::ranges::transform(words, std::back_inserter(argv),
                           [](std::string& word) { return word.data(); });
    argv.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        setsid();
        const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nothing, STDOUT_FILENO);
        if (!forbid_writing()) {
            _exit(125);
        }
        execv(argv.front(), argv.data());
        _exit(127);
    }
    return child;
}

/// A process that cannot be mistaken for a later one with the same number.
struct Identity {
    pid_t pid = 0;
    pid_t parent = 0;
    std::string started;
    friend auto operator<=>(const Identity&, const Identity&) = default;
};

std::vector<Identity> all_processes() {
    std::vector<Identity> all;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "stat");
        std::string text;
        if (!std::getline(file, text)) {
            continue;
        }
        std::istringstream fields(text.substr(text.rfind(')') + 1));
        Identity found{std::atoi(text.c_str()), 0, {}};
        std::string state;
        fields >> state >> found.parent;
        constexpr int kUntilStartTime = 18;
        for (int i = 0; i < kUntilStartTime; ++i) {
            fields >> found.started;
        }
        if (state != "Z") {
            all.push_back(found);
        }
    }
    return all;
}

std::set<Identity> family_of(pid_t ancestor) {
    std::set<Identity> family;
    std::set<pid_t> pids{ancestor};
    const std::vector<Identity> all = all_processes();
    for (bool grown = true; grown;) {
        grown = false;
        for (const Identity& one : all) {
            if ((pids.contains(one.pid) || pids.contains(one.parent)) &&
                family.insert(one).second) {
                grown = pids.insert(one.pid).second || grown;
            }
        }
    }
    return family;
}

/// "net:[4026531840]" and so on.
std::set<std::string> namespaces_of(pid_t pid) {
    std::set<std::string> found;
    for (const char* const kind : {"net", "pid", "mnt"}) {
        std::error_code gone;
        const fs::path link = fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, kind), gone);
        if (!gone) {
            found.insert(link.string());
        }
    }
    return found;
}

struct Traces {
    std::set<Identity> family;
    std::set<std::string> namespaces;
};

Traces traces_of(pid_t pid) {
    Traces traces{family_of(pid), {}};
    for (const Identity& one : traces.family) {
        traces.namespaces.merge(namespaces_of(one.pid));
    }
    for (const std::string& own : namespaces_of(getpid())) {
        traces.namespaces.erase(own);
    }
    return traces;
}

bool left_behind(const Traces& traces) {
    return std::ranges::any_of(all_processes(), [&](const Identity& one) {
        const std::set<std::string> in = namespaces_of(one.pid);
        return std::ranges::any_of(traces.family,
                                   [&](const Identity& f) {
                                       return f.pid == one.pid && f.started == one.started;
                                   }) ||
               std::ranges::any_of(
                   in, [&](const std::string& name) { return traces.namespaces.contains(name); });
    });
}

}  // namespace

TEST_CASE("`killswitchd test` works where no file can be written", "[cleanup]") {
    test::require_programs({});

    const pid_t child = start_test({"--drill", "killed"});

    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("`killswitchd test` leaves nothing behind, however it ends", "[cleanup]") {
    test::require_programs({});
    const int number = GENERATE(SIGINT, SIGTERM, SIGKILL);
    CAPTURE(number);
    const pid_t child = start_test({});
    constexpr std::size_t kLabRuns = 6;
    Traces traces;
    REQUIRE(lab::eventually(test::kPatience, [&] {
        traces = traces_of(child);
        return traces.family.size() >= kLabRuns;
    }));
    REQUIRE(left_behind(traces));
    CHECK(traces.namespaces.size() >= 4);

    // Ctrl-C at a terminal reaches the whole process group.
    REQUIRE(kill(number == SIGINT ? -child : child, number) == 0);

    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(lab::eventually(test::kPatience, [&] { return !left_behind(traces); }));
    fmt::print("signal {}: {} processes and {} namespaces gone\n", number, traces.family.size(),
               traces.namespaces.size());
}
