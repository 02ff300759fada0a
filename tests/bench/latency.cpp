// SPDX-License-Identifier: GPL-2.0-or-later
// How soon the rules follow the tunnel: from the message of rtnetlink that it is up to the kernel's
// acknowledgement of the new rules. Beside it, in the same rounds, a hook that starts `nft -f`.
#include "../netns/support/private_network.hpp"
#include "../netns/support/table.hpp"
#include "killswitchd/link_monitor.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/step.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <optional>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

using namespace ks;
using namespace ks::test;

namespace {

using Clock = std::chrono::steady_clock;

/// The first configuration of README.md.
Policy readme_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel tunnel;
    tunnel.name = tunnel.interface = "wg0";
    tunnel.endpoints = {{*IpAddress::parse("203.0.113.7"), proto::kUdp, 51820}};
    tunnel.only.fwmark = MarkMatch{0xca6c};
    policy.tunnels = {tunnel};
    return policy;
}

/// What the service does with a message about a link, without its reactor.
class Follower {
  public:
    Follower() : nftables_(open_nftables(Ownership::automatic)) {
        auto links = LinkMonitor::open();
        require(links ? Status(Done{}) : Status(links.error()));
        links_.emplace(*std::move(links));
        handle(PolicyLoaded{readme_policy()});
    }
    void follow() {
        const auto drained = links_->drain();
        require(drained ? Status(Done{}) : Status(drained.error()));
        handle(LinksChanged{links_->links()});
    }
    /// When the kernel acknowledged what came of the last message.
    [[nodiscard]] Clock::time_point acknowledged() const { return *nftables_.acknowledged(); }
    [[nodiscard]] const Ruleset& wanted() const { return *state_.wanted; }

  private:
    void handle(const Event& event) {
        Step next = step(std::move(state_), event);
        state_ = std::move(next.next);
        for (const Effect& effect : next.effects) {
            if (const auto* const commit = std::get_if<Commit>(&effect)) {
                require(nftables_.apply(*commit->ruleset));
                state_ = step(std::move(state_), CommitSucceeded{commit->ruleset}).next;
            }
        }
    }

    Nftables nftables_;
    std::optional<LinkMonitor> links_;
    State state_;
};

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

double microseconds(Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

}  // namespace

int main() {
    constexpr int kRounds = 200;
    need_programs({"nft", "ip"});
    enter_private_network();
    const Tun tunnel("wg0");
    Follower follower;
    follower.follow();
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
