// SPDX-License-Identifier: GPL-2.0-or-later
#include "verdict.hpp"

#include "killswitchd/error.hpp"
#include "record.hpp"
#include "stage.hpp"
#include "tally.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

/// What `render` prints, where `diff` finds that the kernel holds nothing else.
std::string rules_of(Stage& stage) {
    return stage.service() != nullptr && stage.command("diff") == 0 ? stage.ask({"render"})
                                                                    : std::string();
}

Result<Run> play_once(const Drill& drill, const Policy& policy, const std::string& program,
                      Armed armed, const PlayOptions& options, std::string* rules) {
    StageOptions of_stage{{}, options.make_vpn, options.on_step};
    of_stage.lab.start = drill.uplinks;
    of_stage.lab.watch_exit = true;
    if (!options.captures.empty()) {
        of_stage.lab.capture_file =
            fmt::format("{}-{}.pcapng", options.captures, armed == Armed::yes ? "with" : "without");
    }
    auto stage = Stage::build(policy, armed, program, std::move(of_stage));
    if (!stage) {
        return std::move(stage).error();
    }
    drill.play(*stage);
    if (rules != nullptr) {
        *rules = rules_of(*stage);
    }
    Run run;
    run.record = stage->take_record();
    run.tally = tally_of(run.record, stage->lab().capture().frames(), stage->expected());
    return run;
}

}  // namespace

const char* word(Outcome outcome) noexcept {
    switch (outcome) {
    case Outcome::holds:
        return "holds";
    case Outcome::allowed:
        return "allowed";
    case Outcome::leaks:
        return "leaks";
    case Outcome::fails:
        return "fails";
    }
    return "fails";
}

Outcome Verdict::outcome() const {
    if (with.tally.escaped + with.tally.strays > 0) {
        return Outcome::leaks;
    }
    if (without.tally.uncaptured + with.tally.uncaptured > 0 || !without.tally.failures.empty() ||
        !with.tally.failures.empty()) {
        return Outcome::fails;
    }
    if (without.tally.escaped == 0) {
        return without.tally.allowed_packets() == 0 ? Outcome::fails : Outcome::allowed;
    }
    return Outcome::holds;
}

std::vector<std::string> Verdict::reasons() const {
    std::vector<std::string> why;
    if (without.tally.escaped == 0) {
        why.emplace_back(without.tally.allowed_packets() == 0
                             ? "the control leaked nothing, so this drill proves nothing"
                             : "all that leaves without the lock is allowed by the config");
    }
    if (with.tally.escaped + with.tally.strays > 0) {
        why.push_back(
            fmt::format("{} probes and {} other frames left the host in spite of the lock",
                        with.tally.escaped, with.tally.strays));
    }
    if (without.tally.uncaptured + with.tally.uncaptured > 0) {
        why.push_back(fmt::format("the capture missed {} frames",
                                  without.tally.uncaptured + with.tally.uncaptured));
    }
    for (const std::string& failure : with.tally.failures) {
        why.push_back("with the lock: " + failure);
    }
    for (const std::string& failure : without.tally.failures) {
        why.push_back("without the lock: " + failure);
    }
    return why;
}

Result<Verdict> play(const Drill& drill, const Policy& policy, const std::string& program,
                     const PlayOptions& options) {
    Verdict verdict;
    auto without = play_once(drill, policy, program, Armed::no, options, nullptr);
    if (!without) {
        return std::move(without).error();
    }
    auto with = play_once(drill, policy, program, Armed::yes, options, &verdict.rules);
    if (!with) {
        return std::move(with).error();
    }
    verdict.without = *std::move(without);
    verdict.with = *std::move(with);
    return verdict;
}

}  // namespace ks::drills
