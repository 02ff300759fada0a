// SPDX-License-Identifier: GPL-2.0-or-later
#include "../drills/adapt.hpp"
#include "../drills/drills.hpp"
#include "../host/imports.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/nearest.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

namespace ks::cli {

namespace {

using drills::Drill;
using drills::Tally;

/// The lab's processes see this as themselves: the very program that runs.
constexpr const char* kThisProgram = "/proc/self/exe";

void introduce(const Options& options, const drills::Adapted& config) {
    fmt::print(
        "This plays what goes wrong with VPNs, in throw-away networks: a host with two network\n"
        "cards, its provider, a VPN server and the internet. Nothing of this machine's own\n"
        "network is touched. Each drill runs twice: without the kill switch, to show that the\n"
        "leak is real, and with it, under the rules of {}.\n"
        "Every frame is counted outside the host.\n\n",
        options.paths.config);
    for (const std::string& note : config.notes) {
        fmt::print("  note: {}\n", note);
    }
    if (!config.notes.empty()) {
        fmt::print("\n");
    }
}

std::string count(const Tally& tally) {
    return fmt::format("{} of {} probes left in clear{}", tally.escaped, tally.sent,
                       tally.strays == 0 ? "" : fmt::format(", and {} other frames", tally.strays));
}

bool tell(const Options& options, std::size_t number, const Drill& drill,
          const drills::Adapted& config) {
    fmt::print("{}. {}\n   {}\n", number, drill.title, drill.story);
    std::fflush(stdout);
    const auto start = std::chrono::steady_clock::now();
    const auto verdict = drills::play(drill, config.policy, kThisProgram);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!verdict) {
        fmt::print("   {}: {}\n\n", paint(options, Tone::bad, "FAILED"), verdict.error().message());
        return false;
    }
    fmt::print("   without: {}\n", count(verdict->open));
    fmt::print("   with:    {}\n", count(verdict->locked));
    const bool passed = verdict->passed();
    fmt::print("   {} ({:.1f} s)\n",
               passed ? paint(options, Tone::good, "holds") : paint(options, Tone::bad, "FAILED"),
               took.count());
    for (const std::string& reason : verdict->reasons()) {
        fmt::print("   - {}\n", reason);
    }
    if (!passed) {
        for (const std::string& example : verdict->locked.examples) {
            fmt::print("     {}\n", example);
        }
    }
    fmt::print("\n");
    return passed;
}

int unknown_drill(const std::string& name) {
    std::vector<std::string> names;
    for (const Drill& drill : drills::all()) {
        names.emplace_back(drill.name);
    }
    const auto meant = nearest(name, names);
    complain(fmt::format("there is no drill '{}'", name),
             meant ? fmt::format("did you mean '{}'?", *meant)
                   : fmt::format("there are: {}", fmt::join(names, ", ")));
    return kUsage;
}

bool playable(const Policy& policy) {
    const auto& tunnels = policy.tunnels;
    return !tunnels.empty() &&
           std::ranges::any_of(tunnels[0].endpoints, [](const Endpoint& e) { return e.port != 0; });
}

}  // namespace

int test(const Options& options) {
    if (!options.drill.empty() &&
        std::ranges::find(drills::all(), options.drill, &Drill::name) == drills::all().end()) {
        return unknown_drill(options.drill);
    }
    const LoadedConfig config = load_config(options.paths.config);
    if (!config.ok()) {
        complain(config.diagnostics);
        return kConfigInvalid;
    }
    if (::geteuid() != 0) {
        complain("making network namespaces needs root", "sudo killswitchd test");
        return kNoPermission;
    }
    const VpnFiles files = read_vpn_files(*config.policy);
    complain(findings_in(files, *config.policy));
    const drills::Adapted adapted = drills::adapt(with_endpoints(
        *config.policy, known_endpoints(*config.policy, endpoints_in(files, *config.policy))));
    if (!playable(adapted.policy)) {
        complain("the first tunnel has no UDP or TCP endpoint, so there is nothing to connect to");
        return kFailed;
    }
    introduce(options, adapted);
    std::size_t told = 0;
    std::size_t held = 0;
    for (const Drill& drill : drills::all()) {
        if (options.drill.empty() || options.drill == drill.name) {
            ++told;
            held += tell(options, told, drill, adapted) ? 1 : 0;
        }
    }
    const bool all = held == told;
    fmt::print("{}: {} of {} drills: every leak was real without the kill switch{}.\n",
               all ? paint(options, Tone::good, "THE LOCK HOLDS")
                   : paint(options, Tone::bad, "THE LOCK DOES NOT HOLD"),
               held, told, all ? ", and none was left with it" : "; see above for what failed");
    return all ? kDone : kFailed;
}

}  // namespace ks::cli
