// SPDX-License-Identifier: GPL-2.0-or-later
#include "proof.hpp"

#include "../drills/adapt.hpp"
#include "../drills/allowance.hpp"
#include "../drills/cause.hpp"
#include "../drills/drills.hpp"
#include "../drills/tally.hpp"
#include "../drills/verdict.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::proof {

namespace {

using drills::Outcome;

using Kind = drills::Allowance::Kind;

std::vector<Leaked> explained(const drills::Tally& tally, const std::string& drill,
                              const LoadedConfig& config, const Policy& policy) {
    std::vector<Leaked> all;
    for (const drills::Leak& leak : tally.leaks) {
        const drills::Cause cause = drills::cause_of(leak, policy, drill);
        const std::string place = place_of(config, cause.key);
        Leaked leaked{leak.count, drills::describe(leak),
                      place.empty() ? cause.because : fmt::format("{} ({})", cause.because, place),
                      cause.fix};
        const auto same = std::ranges::find(all, leaked.because, &Leaked::because);
        if (same == all.end()) {
            all.push_back(std::move(leaked));
        } else {
            same->count += leak.count;
        }
    }
    return all;
}

/// All drills, those of the exceptions included.
std::vector<const Played*> all_of(const Proof& proof) {
    std::vector<const Played*> all;
    for (const auto* const some : {&proof.drills, &proof.exceptions}) {
        for (const Played& one : *some) {
            all.push_back(&one);
        }
    }
    return all;
}

std::size_t with_outcome(const Proof& proof, Outcome outcome) {
    return static_cast<std::size_t>(std::ranges::count_if(
        all_of(proof), [&](const Played* p) { return p->outcome() == outcome; }));
}

std::string holes_in_words(const std::vector<Hole>& holes) {
    if (holes.empty()) {
        return {};
    }
    return fmt::format("; and {} exception{} that you allowed", holes.size(),
                       holes.size() == 1 ? "" : "s");
}

std::string widest(const std::vector<Hole>& holes) {
    const auto wide = std::ranges::find(holes, true, &Hole::wide);
    if (wide == holes.end()) {
        return "all that leaves is allowed";
    }
    return fmt::format("any program gets past the tunnel: {}{}", wide->text,
                       wide->place.empty() ? "" : fmt::format(" ({})", wide->place));
}

/// Whoever is not listed is free on purpose, and so are guests.
bool confines_apps(const std::vector<Hole>& holes) {
    return std::ranges::find(holes, Kind::apps, &Hole::kind) != holes.end();
}

}  // namespace

const char* word(Conclusion conclusion) noexcept {
    switch (conclusion) {
    case Conclusion::holds:
        return "holds";
    case Conclusion::leaks:
        return "leaks";
    case Conclusion::open:
        return "open";
    case Conclusion::unproven:
        return "unproven";
    }
    return "unproven";
}

Conclusion Proof::conclusion() const {
    if (with_outcome(*this, Outcome::leaks) != 0) {
        return Conclusion::leaks;
    }
    const bool wide = std::ranges::any_of(holes, &Hole::wide);
    if (wide || (with_outcome(*this, Outcome::allowed) != 0 && !confines_apps(holes))) {
        return Conclusion::open;
    }
    const bool failed = with_outcome(*this, Outcome::fails) != 0 || all_of(*this).empty();
    return failed ? Conclusion::unproven : Conclusion::holds;
}

std::string Proof::headline() const {
    switch (conclusion()) {
    case Conclusion::holds:
        return confines_apps(holes) ? "THE LOCK HOLDS FOR THE LISTED APPS" : "THE LOCK HOLDS";
    case Conclusion::leaks:
        return "THE LOCK LEAKS";
    case Conclusion::open:
        return "THE LOCK IS OPEN, AS YOU ALLOWED";
    case Conclusion::unproven:
        return "NOT PROVEN";
    }
    return {};
}

std::string Proof::sentence() const {
    const std::size_t count = all_of(*this).size();
    switch (conclusion()) {
    case Conclusion::holds:
        return fmt::format("{} of {} drills: every leak was real without the kill switch, and none "
                           "was left with it{}",
                           with_outcome(*this, Outcome::holds), count, holes_in_words(holes));
    case Conclusion::leaks:
        return fmt::format("{} of {} drills{}", with_outcome(*this, Outcome::leaks), count,
                           holes_in_words(holes));
    case Conclusion::open:
        return widest(holes);
    case Conclusion::unproven:
        return fmt::format("{} of {} drills failed", with_outcome(*this, Outcome::fails), count);
    }
    return {};
}

std::string place_of(const LoadedConfig& config, const std::string& key) {
    const auto place = config.places.find(key);
    if (place == config.places.end()) {
        return {};
    }
    const std::string& file = place->second.file;
    return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), place->second.line);
}

Played played(const drills::Drill& drill, Result<drills::Verdict> verdict, double seconds,
              const LoadedConfig& config, const Policy& policy) {
    Played result{drill.name, drill.title, drill.story, seconds};
    if (!verdict) {
        result.error = verdict.error().message();
        return result;
    }
    result.verdict = *std::move(verdict);
    result.leaked = explained(result.verdict.with.tally, drill.name, config, policy);
    return result;
}

void add_holes(Proof& proof, const drills::Adapted& adapted, const LoadedConfig& config) {
    for (std::size_t number = 0; number < adapted.allowances.size(); ++number) {
        const drills::Allowance& allowance = adapted.allowances[number];
        Hole hole{allowance.text, place_of(config, allowance.key), allowance.wide, allowance.kind};
        for (const Played* const drill : all_of(proof)) {
            const auto& allowed = drill->verdict.with.tally.allowed;
            if (number < allowed.size()) {
                hole.tried += allowed[number].tried;
                hole.left += allowed[number].left;
                hole.packets += allowed[number].packets;
            }
        }
        proof.holes.push_back(std::move(hole));
    }
}

}  // namespace ks::proof
