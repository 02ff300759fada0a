// SPDX-License-Identifier: GPL-2.0-or-later
#include "../drills/adapt.hpp"
#include "../drills/drills.hpp"
#include "../drills/exceptions.hpp"
#include "../drills/expectation.hpp"
#include "../drills/verdict.hpp"
#include "../host/imports.hpp"
#include "../host/names.hpp"
#include "../proof/evidence.hpp"
#include "../proof/json.hpp"
#include "../proof/page.hpp"
#include "../proof/picture.hpp"
#include "../proof/proof.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/nearest.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/time.hpp"
#include "killswitchd/wrap.hpp"
#include "terminal.hpp"
#include "test_screen.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/utsname.h>
#include <unistd.h>

namespace ks::cli {

namespace {

using drills::Drill;
using Clock = std::chrono::steady_clock;

/// The lab's processes see this as themselves: the very program that runs.
constexpr const char* kThisProgram = "/proc/self/exe";
/// The drill at whose end the tunnel is up and nothing has changed.
constexpr std::string_view kShowsRules = "steady";

/// The exceptions last, where there are some.
std::vector<const Drill*> all_drills(bool with_exceptions) {
    std::vector<const Drill*> all;
    for (const Drill& drill : drills::all()) {
        all.push_back(&drill);
    }
    if (with_exceptions) {
        all.push_back(&drills::exceptions());
    }
    return all;
}

int unknown_drill(const std::string& name) {
    std::vector<std::string> names;
    for (const Drill* const drill : all_drills(true)) {
        names.emplace_back(drill->name);
    }
    const auto meant = nearest(name, names);
    complain(fmt::format("there is no drill '{}'", name),
             meant ? fmt::format("did you mean '{}'?", *meant)
                   : fmt::format("there are: {}", fmt::join(names, ", ")));
    return kUsage;
}

std::string kernel() {
    utsname names{};
    return ::uname(&names) == 0
               ? fmt::format("{} {} {}", names.sysname, names.release, names.machine)
               : std::string();
}

/// One line that is written anew while a drill is played; only on a terminal.
class Progress {
  public:
    Progress(const Options& options, std::size_t count)
        : shown_(!options.json && ::isatty(STDOUT_FILENO) == 1), count_(count) {}

    void begin(const Drill& drill) {
        ++number_;
        title_ = drill.title;
        began_ = Clock::now();
        show();
    }
    void show() const {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(Clock::now() - began_);
        if (shown_) {
            fmt::print("\r\033[K  [{}/{}] {} ... {} s", number_, count_, title_, seconds.count());
            std::fflush(stdout);
        }
    }
    void clear() const {
        if (shown_) {
            fmt::print("\r\033[K");
        }
    }

  private:
    bool shown_;
    std::size_t count_;
    std::size_t number_ = 0;
    std::string title_;
    Clock::time_point began_;
};

/// Everything that is known before the first drill.
proof::Proof begin_proof(const Options& options, const LoadedConfig& config,
                         const drills::Adapted& adapted) {
    proof::Proof proof;
    proof.version = KS_VERSION;
    proof.kernel = kernel();
    proof.made = utc_now();
    proof.command = fmt::format("sudo killswitchd test --config {}{}", options.paths.config,
                                options.drill.empty() ? "" : " --drill " + options.drill);
    proof.config_file = options.paths.config;
    proof.config_hash = config.hash;
    proof.config = config_text(adapted.policy);
    proof.notes = adapted.notes;
    return proof;
}

/// Plays one drill into `proof`. \return what it says.
proof::Played& play(const Options& options, const Drill& drill, const LoadedConfig& config,
                    const Policy& original, const drills::Adapted& adapted, Progress& progress,
                    proof::Proof& proof) {
    progress.begin(drill);
    drills::PlayOptions how;
    how.on_step = [&] { progress.show(); };
    if (!options.evidence.empty()) {
        how.captures = proof::captures_in(options.evidence, drill.name);
    }
    const auto start = Clock::now();
    auto verdict = drills::play(drill, adapted.policy, kThisProgram, how);
    const std::chrono::duration<double> took = Clock::now() - start;
    auto& list = &drill == &drills::exceptions() ? proof.exceptions : proof.drills;
    list.push_back(proof::played(drill, std::move(verdict), took.count(), config, original));
    const std::string& rules = list.back().verdict.rules;
    if (proof.rules.empty() || (drill.name == kShowsRules && !rules.empty())) {
        proof.rules = rules;
    }
    progress.clear();
    return list.back();
}

/// Before the first drill, rather than after the last.
bool can_write(const std::string& file) {
    if (::access(directory_of(file).c_str(), W_OK) == 0) {
        return true;
    }
    complain(Error{fmt::format("cannot write '{}'", file), errno}.message());
    return false;
}

/// \return whether what was asked for is on the disk.
bool write_report(const Options& options, const proof::Proof& proof) {
    if (options.report.empty()) {
        return true;
    }
    const std::string text =
        options.report.ends_with(".svg") ? proof::picture(proof) : proof::page(proof);
    if (auto written = write_file_atomically(options.report, text, Readers::all); !written) {
        complain(written.error().message());
        return false;
    }
    if (!options.json) {
        fmt::print("{}",
                   wrapped(fmt::format("{} written ({} kB; opens in any browser, loads nothing "
                                       "from outside)",
                                       options.report, (text.size() + 999) / 1000),
                           2));
    }
    return true;
}

bool keep_evidence(const Options& options, const proof::Proof& proof) {
    if (options.evidence.empty()) {
        return true;
    }
    if (auto written = proof::write_evidence(options.evidence, proof); !written) {
        complain(written.error().message());
        return false;
    }
    if (!options.json) {
        fmt::print("{}", wrapped(fmt::format("{} written; killswitchd verify {} judges it again, "
                                             "without root",
                                             options.evidence, options.evidence),
                                 2));
    }
    return true;
}

/// `policy` with all that is known of its endpoints; a name and `auto` stay where nothing else is
/// known.
Policy playable(const Options& options, const Policy& policy, const VpnFiles& files) {
    Policy whole = with_endpoints(
        policy, known_endpoints(policy, learned_endpoints(options.paths, policy, files)));
    for (std::size_t i = 0; i < whole.tunnels.size(); ++i) {
        if (whole.tunnels[i].endpoints.empty()) {
            whole.tunnels[i].names = named_servers(policy.tunnels[i], files);
            whole.tunnels[i].automatic = policy.tunnels[i].automatic;
        }
    }
    return whole;
}

int prove(const Options& options, const LoadedConfig& config, const Policy& original) {
    const drills::Adapted adapted = drills::adapt(original);
    if (adapted.policy.tunnels.empty() ||
        drills::playable_endpoints(adapted.policy.tunnels.front()).empty()) {
        complain("the first tunnel has no UDP or TCP endpoint, so there is nothing to connect to");
        return kFailed;
    }
    std::vector<const Drill*> wanted = all_drills(!adapted.allowances.empty());
    std::erase_if(wanted, [&](const Drill* drill) {
        return !options.drill.empty() && options.drill != drill->name;
    });
    if (wanted.empty()) {
        complain("the config has no exceptions, so this drill has nothing to play");
        return kFailed;
    }
    proof::Proof proof = begin_proof(options, config, adapted);
    Progress progress(options, wanted.size());
    std::set<std::string> told;
    if (!options.json) {
        fmt::print("{}", test_head(proof, wanted.size()));
    }
    for (const Drill* const drill : wanted) {
        const proof::Played& one =
            play(options, *drill, config, original, adapted, progress, proof);
        if (!options.json) {
            fmt::print("{}", test_row(options, one, told));
            std::fflush(stdout);
        }
    }
    proof::add_holes(proof, adapted, config);
    fmt::print("{}", options.json ? proof::to_json(proof) : test_end(options, proof));
    const bool written = write_report(options, proof) && keep_evidence(options, proof);
    return written && proof.conclusion() == proof::Conclusion::holds ? kDone : kFailed;
}

}  // namespace

int test(const Options& options) {
    const std::vector<const Drill*> known = all_drills(true);
    if (!options.drill.empty() && std::ranges::none_of(known, [&](const Drill* drill) {
            return options.drill == drill->name;
        })) {
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
    if (!options.report.empty() && !can_write(options.report)) {
        return kFailed;
    }
    if (!options.evidence.empty()) {
        if (auto begun = proof::begin_evidence(options.evidence); !begun) {
            complain(begun.error().message(), "name a new directory");
            return begun.error().sys_errno == ENOTEMPTY ? kRefused : kFailed;
        }
    }
    const VpnFiles files = read_vpn_files(*config.policy);
    complain(findings_in(files, *config.policy));
    return prove(options, config, playable(options, *config.policy, files));
}

}  // namespace ks::cli
