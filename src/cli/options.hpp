// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/paths.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ks::cli {

/// Exit codes of every command but `status`; see killswitchd(8).
enum Exit : int {
    kDone = 0,
    kFailed = 1,
    kUsage = 2,
    kRefused = 3,
    kNoPermission = 4,
    kConfigInvalid = 5,
    kUnconfirmed = 6,
};

enum class Color : std::uint8_t { automatic, always, never };

/// What the command line said, for all commands.
struct Options {
    Paths paths;
    Color color = Color::automatic;
    bool json = false;
    bool watch = false;
    bool brief = false;    ///< `status --short`
    bool follow = false;   ///< `blocked --follow`
    bool quiet = false;    ///< `status --quiet`
    bool hold = false;     ///< `boot --hold`
    bool gate = false;     ///< `boot --gate`
    bool pin = false;      ///< `endpoints pin`
    bool offline = false;  ///< `check --offline`
    std::string file;      ///< `check FILE`, `verify DIR`, `report --output`
    std::string state;     ///< `render --state`
    std::string format;    ///< `render --format`
    std::string drill;     ///< `test --drill`
    std::string report;    ///< `test --report`
    std::string evidence;  ///< `test --evidence`
    bool all = false;      ///< `disarm --all`
    std::string confirm;   ///< `arm --confirm`
    bool anyway = false;   ///< `arm --anyway`, `reload --anyway`
    bool list = false;     ///< `arm --list`
    std::string duration;  ///< `pause DURATION`
    std::string user;      ///< `pause --user`
    bool yes = false;      ///< `init --yes`, `report --yes`
    bool print = false;    ///< `init --print`
    bool lan = false;      ///< `init --lan`
    std::string from;      ///< `init --from`
    std::string ssh_from;  ///< `init --ssh-from`
    std::string endpoint;  ///< `endpoint allow ENDPOINT`
    /// `endpoint allow --only`
    std::vector<std::string> only;
    /// `run-confined -- COMMAND`, `endpoint allow -- COMMAND`
    std::vector<std::string> command;
    /// `explain PROTO ADDR[:PORT]`, as it was typed; what is empty was not given.
    struct Packet {
        std::string protocol, target, user, group, mark, cgroup, from;
        bool in = false;
    } packet{};
};

// One file per command.
[[nodiscard]] int arm(const Options& options);
[[nodiscard]] int blocked(const Options& options);
[[nodiscard]] int boot(const Options& options);
[[nodiscard]] int check(const Options& options);
[[nodiscard]] int confirm(const Options& options);
[[nodiscard]] int diff(const Options& options);
[[nodiscard]] int disarm(const Options& options);
[[nodiscard]] int endpoint_allow(const Options& options);
[[nodiscard]] int endpoints(const Options& options);
[[nodiscard]] int explain(const Options& options);
[[nodiscard]] int hosts(const Options& options);
int reconnect(const Options& options);
[[nodiscard]] int init(const Options& options);
[[nodiscard]] int lock(const Options& options);
[[nodiscard]] int metrics(const Options& options);
[[nodiscard]] int monitor(const Options& options);
[[nodiscard]] int pause(const Options& options);
[[nodiscard]] int reload(const Options& options);
[[nodiscard]] int render(const Options& options);
[[nodiscard]] int report(const Options& options);
[[nodiscard]] int resolve(const Options& options);
[[nodiscard]] int resume(const Options& options);
[[nodiscard]] int run_confined(const Options& options);
[[nodiscard]] int status(const Options& options);
[[nodiscard]] int test(const Options& options);
[[nodiscard]] int unlock(const Options& options);
[[nodiscard]] int verify(const Options& options);

}  // namespace ks::cli
