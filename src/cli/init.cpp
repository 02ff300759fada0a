// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/discover.hpp"
#include "../host/first_config.hpp"
#include "../host/imports.hpp"
#include "../host/names.hpp"
#include "init_questions.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/link_monitor.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace ks::cli {

namespace {

/// Why the config may not be replaced; nothing where it is missing or says only `mode: off`.
std::optional<std::string> worth_keeping(const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0) {
        return std::nullopt;
    }
    const LoadedConfig config = load_config(path);
    if (!config.ok()) {
        return fmt::format("{} is there and has errors; see: killswitchd check", path);
    }
    return *config.policy == Policy{} ? std::nullopt
                                      : std::optional(fmt::format("{} is there already", path));
}

/// The text, unless it would not pass `check`: then this program is wrong.
Result<std::string> checked(const Choices& choices) {
    std::string text = first_config(choices);
    const LoadedConfig config = parse_config({{"the new config", text}}, system_names());
    if (!config.ok()) {
        return Error{
            fmt::format("cannot make a config of this: {}", config.diagnostics.front().message)};
    }
    return text;
}

/// Order: disarmed first, so that nobody is cut off by what is written.
int write(const Options& options, const std::string& text) {
    const std::string& path = options.paths.config;
    if (const int code = disarm(options); code != kDone) {
        return code;
    }
    if (auto made = ensure_directory(directory_of(path)); !made) {
        return fail(made.error());
    }
    if (auto written = write_file_atomically(path, text); !written) {
        return fail(written.error());
    }
    static_cast<void>(::chmod(path.c_str(), 0644));  // As the packaged one; it holds no secret.
    fmt::print("Written: {}   (the machine is still open)\n", path);
    const LoadedConfig config = load_config(path);
    if (!config.ok()) {
        complain(config.diagnostics);
        return kConfigInvalid;
    }
    const Policy& policy = *config.policy;
    const VpnFiles files = read_vpn_files(policy);
    complain(config.diagnostics);
    complain(findings_in(files, policy));
    for (const std::string& hole :
         holes(policy, known_endpoints(policy, learned_endpoints(options.paths, policy, files)))) {
        fmt::print("hole:    {}\n", hole);
    }
    fmt::print("Next:    sudo killswitchd reload             if the service runs\n"
               "         sudo killswitchd test               prove it, cuts nothing\n"
               "         sudo killswitchd arm --confirm 60   opens again unless you confirm\n");
    return kDone;
}

}  // namespace

int init(const Options& options) {
    if (!options.print) {
        if (const auto why = worth_keeping(options.paths.config)) {
            complain(*why, "init never overwrites; add --print to see what it would write");
            return kRefused;
        }
    }
    const auto links = read_links();
    const LinkTable table = links ? *links : LinkTable{};
    const std::vector<FoundVpn> found =
        options.from.empty()
            ? find_vpns("/etc", table)
            : std::vector<FoundVpn>{
                  vpn_in(std::filesystem::absolute(options.from).lexically_normal(), table)};
    const auto choices = choose(options, found);
    if (!choices) {
        complain(choices.error().text, choices.error().hint);
        return choices.error().code;
    }
    const auto text = checked(*choices);
    if (!text) {
        return fail(text.error());
    }
    if (options.print) {
        fmt::print("{}", *text);
        return kDone;
    }
    return write(options, *text);
}

}  // namespace ks::cli
