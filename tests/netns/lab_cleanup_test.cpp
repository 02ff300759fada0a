// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "lab_support.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ks;
using namespace ks::lab;

namespace {

/// Whether any process lives in a network namespace with one of these inode numbers.
bool inhabited(const std::vector<ino_t>& namespaces) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        struct stat info {};
        const std::string path = entry.path().string() + "/ns/net";
        if (stat(path.c_str(), &info) == 0 &&
            std::find(namespaces.begin(), namespaces.end(), info.st_ino) != namespaces.end()) {
            return true;
        }
    }
    return false;
}

std::vector<ino_t> namespaces_of(Lab& lab) {
    std::vector<ino_t> found;
    for (Node* const node :
         {&lab.host(), &lab.provider(), &lab.vpn(), &lab.internet(), &lab.guest()}) {
        struct stat info {};
        if (fstat(node->netns(), &info) == 0) {
            found.push_back(info.st_ino);
        }
    }
    return found;
}

/// Ends with the test, whatever fails in it.
struct Builder {
    pid_t pid;
    ~Builder() {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
};

[[noreturn]] void build_and_wait(int report_to) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGINT, SIGSEGV}) {
        signal(number, SIG_DFL);  // Catch2 would report instead of dying.
    }
    auto lab = Lab::build({});
    if (!lab) {
        _exit(1);
    }
    const auto program = lab->guest().spawn({"sleep", "1000"});
    const auto namespaces = namespaces_of(*lab);
    const std::size_t bytes = namespaces.size() * sizeof(ino_t);
    if (!program || write(report_to, namespaces.data(), bytes) < 0) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

}  // namespace

TEST_CASE("a destroyed lab leaves no process and no namespace", "[lab][cleanup]") {
    std::optional<Lab> lab = build();
    const std::vector<ino_t> namespaces = namespaces_of(*lab);
    const std::string scratch = lab->scratch_from_outside();
    auto stubborn = lab->guest().start([] {
        signal(SIGTERM, SIG_IGN);
        for (;;) {
            pause();
        }
        return 0;
    });
    REQUIRE(stubborn);
    REQUIRE(inhabited(namespaces));
    REQUIRE(std::filesystem::exists(scratch));

    lab.reset();

    CHECK_FALSE(stubborn->running());
    CHECK(eventually(Millis{3000}, [&] { return !inhabited(namespaces); }));
    CHECK_FALSE(std::filesystem::exists(scratch));
}

TEST_CASE("a lab whose builder dies leaves no process and no namespace", "[lab][cleanup]") {
    const int how = GENERATE(SIGKILL, SIGINT, SIGSEGV);
    CAPTURE(how);
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const Fd from_builder(ends[0]);
    Fd to_tester(ends[1]);
    const Builder builder{fork()};
    if (builder.pid == 0) {
        build_and_wait(to_tester.get());
    }
    to_tester.reset();
    std::vector<ino_t> namespaces(5);
    const std::size_t bytes = namespaces.size() * sizeof(ino_t);
    REQUIRE(read(from_builder.get(), namespaces.data(), bytes) == static_cast<ssize_t>(bytes));
    REQUIRE(inhabited(namespaces));

    REQUIRE(kill(builder.pid, how) == 0);

    CHECK(eventually(Millis{3000}, [&] { return !inhabited(namespaces); }));
}
