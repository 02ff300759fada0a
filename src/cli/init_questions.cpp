// SPDX-License-Identifier: GPL-2.0-or-later
#include "init_questions.hpp"

#include "killswitchd/accounts.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/special.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks::cli {

namespace {

/// Whether a person can answer.
bool asks(const Options& options) {
    return !options.yes && !options.print && options.from.empty() && ::isatty(STDIN_FILENO) == 1;
}

/// One line from the terminal; empty at its end.
std::string answer() {
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
    return line;
}

bool agrees(const std::string& question, bool otherwise) {
    fmt::print("{} [{}] ", question, otherwise ? "Y/n" : "y/N");
    const std::string said = answer();
    return said.empty() ? otherwise : said.front() == 'y' || said.front() == 'Y';
}

void list(const std::vector<FoundVpn>& found) {
    fmt::print("VPNs found on this machine:\n");
    for (std::size_t i = 0; i < found.size(); ++i) {
        const FoundVpn& vpn = found[i];
        fmt::print("  {:<2} {:<15} {:<14} {:<40} {}\n", i + 1,
                   vpn.interface.empty() ? "(IPsec)" : escaped(vpn.interface), escaped(vpn.program),
                   vpn.path.empty() ? "(running)" : escaped(vpn.path), vpn.up ? "up" : "not up");
    }
}

/// Those with a file that are up; where none is, the only one.
std::vector<FoundVpn> without_doubt(const std::vector<FoundVpn>& found) {
    std::vector<FoundVpn> up;
    std::ranges::copy_if(found, std::back_inserter(up),
                         [](const FoundVpn& vpn) { return vpn.up && !vpn.path.empty(); });
    return up.empty() && found.size() == 1 ? found : up;
}

std::vector<FoundVpn> named(const std::string& said, const std::vector<FoundVpn>& found) {
    std::vector<FoundVpn> chosen;
    std::string numbers = said;
    std::ranges::replace(numbers, ',', ' ');
    std::istringstream words(numbers);
    for (std::size_t number = 0; words >> number;) {
        if (number >= 1 && number <= found.size()) {
            chosen.push_back(found[number - 1]);
        }
    }
    return chosen;
}

std::vector<FoundVpn> pick(const Options& options, const std::vector<FoundVpn>& found) {
    if (!options.from.empty()) {
        return found;
    }
    std::vector<FoundVpn> usual = without_doubt(found);
    if (!asks(options)) {
        return usual;
    }
    list(found);
    fmt::print("Which may carry your traffic? [such as 1,2{}] ",
               usual.empty() ? "" : fmt::format("; Enter: {}", escaped(usual.front().interface)));
    const std::string said = answer();
    return said.empty() ? usual : named(said, found);
}

/// The far end of the SSH session that this runs in, and the port of this end.
/// Source: ssh(1), SSH_CONNECTION; sudo passes it on only where it is told to.
std::optional<SshAccess> session() {
    const char* const said = std::getenv("SSH_CONNECTION");
    std::istringstream words(said == nullptr ? "" : said);
    std::string client;
    std::string ignored;
    SshAccess ssh;
    if (!(words >> client >> ignored >> ignored >> ssh.port)) {
        return std::nullopt;
    }
    const auto address = parse_host(client);
    if (!address || ssh.port == 0) {
        return std::nullopt;
    }
    ssh.from = Prefix::of(*address, address->bits());
    return ssh;
}

std::optional<SshAccess> ssh_access(const Options& options) {
    auto ssh = session();
    if (!options.ssh_from.empty()) {
        return SshAccess{*Prefix::parse(options.ssh_from), ssh ? ssh->port : std::uint16_t{22}};
    }
    if (!ssh) {
        return std::nullopt;
    }
    fmt::print(stderr, "You are logged in by SSH from {}.\n", ssh->from.str());
    const bool keep = !asks(options) || agrees(fmt::format("Locked, this session would be cut. "
                                                           "Keep {}/tcp open for it?",
                                                           ssh->port),
                                               true);
    return keep ? ssh : std::nullopt;
}

bool knows_resolver() {
    return system_names().uid(kResolverUser).has_value();
}

std::optional<NoChoice> problem_of(const std::vector<FoundVpn>& found,
                                   const std::vector<FoundVpn>& chosen) {
    if (found.empty()) {
        return NoChoice{"found no VPN on this machine",
                        "name its file: killswitchd init --from FILE", kFailed};
    }
    if (chosen.empty()) {
        return NoChoice{"none was chosen, and more than one is there",
                        "name the file: killswitchd init --from FILE", kUsage};
    }
    for (const FoundVpn& vpn : chosen) {
        if (vpn.file.broken()) {
            return NoChoice{render(vpn.file.findings.front()), "", kFailed};
        }
        const bool known =
            !vpn.file.servers.empty() || (knows_resolver() && !vpn.file.names.empty());
        if (vpn.interface.empty() && !known) {
            return NoChoice{fmt::format("{} names no address of a server", vpn.path),
                            "write the config by hand; see killswitchd.yaml(5)", kFailed};
        }
        if (std::ranges::count(chosen, vpn.interface, &FoundVpn::interface) > 1) {
            return NoChoice{fmt::format("more than one of these makes {}", vpn.interface),
                            "choose one, and add the other's file with 'import'", kUsage};
        }
    }
    return std::nullopt;
}

}  // namespace

Result<Choices, NoChoice> choose(const Options& options, const std::vector<FoundVpn>& found) {
    if (!options.ssh_from.empty() && !Prefix::parse(options.ssh_from)) {
        return NoChoice{fmt::format("'{}' is no address or prefix", options.ssh_from),
                        "such as --ssh-from 198.51.100.0/24", kUsage};
    }
    const bool decided = options.yes || options.print || !options.from.empty();
    if (!decided && !asks(options)) {
        return NoChoice{"nobody can be asked here", "add --yes, --print or --from FILE", kUsage};
    }
    Choices choices;
    choices.vpns = found.empty() ? found : pick(options, found);
    if (auto problem = problem_of(found, choices.vpns)) {
        return *std::move(problem);
    }
    const bool lan =
        options.lan || (asks(options) && agrees("May the local network be reached?", false));
    choices.lan = lan ? Choices::Lan::allow : Choices::Lan::refuse;
    choices.ssh = ssh_access(options);
    choices.names = knows_resolver() ? Choices::Names::looked_up : Choices::Names::unknown;
    return choices;
}

}  // namespace ks::cli
