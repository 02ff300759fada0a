// SPDX-License-Identifier: GPL-2.0-or-later
// How soon the rules follow the tunnel: from the message of rtnetlink that it is up to the kernel's
// acknowledgement of the new rules. Beside it, in the same rounds, a hook that starts `nft -f`.
// The config is the first one of README.md.
#include "../netns/support/private_network.hpp"
#include "follower.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "policies.hpp"

#include <cstddef>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

using namespace ks;
using namespace ks::test;

namespace {

void run_hook(const std::string& file) {
    std::string program = "nft";
    std::string option = "-f";
    std::string path = file;
    char* const arguments[] = {program.data(), option.data(), path.data(), nullptr};
    pid_t pid = -1;
    int status = -1;
    if (::posix_spawnp(&pid, "nft", nullptr, nullptr, arguments, environ) != 0 ||
        ::waitpid(pid, &status, 0) != pid || status != 0) {
        throw std::runtime_error("the hook failed");
    }
}

}  // namespace

int main() {
    constexpr int kRounds = 200;
    need_programs({"nft", "ip"});
    enter_private_network();
    ip({"link add eth0 type bridge", "link set eth0 up", "addr add 192.0.2.2/24 dev eth0",
        "route add default via 192.0.2.1 dev eth0"});
    const Tun tunnel("wg0");
    Follower follower(wireguard_policy());
    std::string text = render_text(follower.wanted());
    for (std::size_t at = 0; (at = text.find(kTable, at)) != std::string::npos;) {
        text.replace(at, std::string(kTable).size(), "by_hook");
    }
    const std::string file = fmt::format("/tmp/killswitchd-bench-{}.nft", ::getpid());
    std::ofstream(file) << text;
    std::vector<double> ours;
    std::vector<double> hooks;
    for (int round = 0; round < kRounds; ++round) {
        ip({"link set wg0 down"});
        follower.follow();
        ip({"link set wg0 up"});  // The message waits in the queue now.
        const auto heard = Clock::now();
        follower.follow();
        ours.push_back(microseconds(follower.acknowledged() - heard));

        const auto started = Clock::now();
        run_hook(file);
        hooks.push_back(microseconds(Clock::now() - started));
    }
    ::unlink(file.c_str());
    fmt::print("\nFrom \"the tunnel is up\" to the new rules in the kernel, median of {}\n",
               kRounds);
    fmt::print("{:<50} {:>11.1f} us\n", "killswitchd", median(ours));
    fmt::print("{:<50} {:>11.1f} us\n", "a hook that starts nft -f", median(hooks));
    fmt::print("{:<50} {:>11.1f} x\n", "ratio", median(hooks) / median(ours));
    return 0;
}
