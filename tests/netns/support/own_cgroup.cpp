// SPDX-License-Identifier: GPL-2.0-or-later
#include "own_cgroup.hpp"

#include "catch.hpp"
#include "killswitchd/files.hpp"
#include "programs.hpp"

#include <fstream>
#include <string>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace ks::test {

namespace {

std::string directory(const std::string& path) {
    return fmt::format("{}/{}", cgroup_root(), path);
}

std::string present() {
    std::ifstream lines("/proc/self/cgroup");
    std::string line;
    while (std::getline(lines, line) && !line.starts_with("0::/")) {
    }
    return line.size() > 4 ? line.substr(4) : std::string();
}

void move_to(const std::string& path) {
    std::ofstream(directory(path) + "/cgroup.procs") << ::getpid();
}

}  // namespace

OwnCgroup::OwnCgroup() : outer_(fmt::format("killswitchd-test-{}", ::getpid())), home_(present()) {
    if (cgroup_root().empty() || ::mkdir(directory(outer_).c_str(), 0755) != 0) {
        skip("cannot make a cgroup of version 2 here");
    }
}

OwnCgroup::~OwnCgroup() {
    leave();
    ::rmdir(directory(path()).c_str());
    ::rmdir(directory(outer_).c_str());
}

void OwnCgroup::make() const {
    REQUIRE(::mkdir(directory(path()).c_str(), 0755) == 0);
}

void OwnCgroup::remove() const {
    REQUIRE(::rmdir(directory(path()).c_str()) == 0);
}

void OwnCgroup::enter() const {
    move_to(path());
}

void OwnCgroup::leave() const {
    move_to(home_);
}

}  // namespace ks::test
