// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.hpp"

#include "../drills/tally.hpp"
#include "../drills/verdict.hpp"
#include "proof.hpp"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace ks::proof {

namespace {

using nlohmann::json;

constexpr int kSchema = 1;

json run_json(const drills::Tally& tally) {
    return {
        {"probes", tally.sent},
        {"left_in_clear", tally.escaped},
        {"other_frames", tally.strays},
        {"allowed_packets", tally.allowed_packets()},
        {"frames_missed", tally.uncaptured},
    };
}

json leaked_json(const Leaked& leaked) {
    return {{"count", leaked.count},
            {"packet", leaked.what},
            {"because", leaked.because},
            {"fix", leaked.fix}};
}

json drill_json(const Played& drill) {
    json leaks = json::array();
    for (const Leaked& leaked : drill.leaked) {
        leaks.push_back(leaked_json(leaked));
    }
    json object{{"name", drill.name},
                {"title", drill.title},
                {"outcome", drills::word(drill.outcome())},
                {"seconds", drill.seconds},
                {"leaks", std::move(leaks)}};
    if (drill.error.empty()) {
        object["without"] = run_json(drill.verdict.without.tally);
        object["with"] = run_json(drill.verdict.with.tally);
        object["reasons"] = drill.verdict.reasons();
    } else {
        object["reasons"] = {drill.error};
    }
    return object;
}

json hole_json(const Hole& hole) {
    return {{"text", hole.text},    {"place", hole.place}, {"wide", hole.wide},
            {"probes", hole.tried}, {"passed", hole.left}, {"packets", hole.packets}};
}

}  // namespace

std::string to_json(const Proof& proof) {
    json drills = json::array();
    for (const auto* const some : {&proof.drills, &proof.exceptions}) {
        for (const Played& drill : *some) {
            drills.push_back(drill_json(drill));
        }
    }
    json holes = json::array();
    for (const Hole& hole : proof.holes) {
        holes.push_back(hole_json(hole));
    }
    const json object{
        {"schema", kSchema},
        {"conclusion", word(proof.conclusion())},
        {"text", proof.headline() + ": " + proof.sentence()},
        {"version", proof.version},
        {"kernel", proof.kernel},
        {"made", proof.made},
        {"command", proof.command},
        {"config", {{"file", proof.config_file}, {"hash", proof.config_hash}}},
        {"rules_read_back", !proof.rules.empty()},
        {"notes", proof.notes},
        {"drills", std::move(drills)},
        {"holes", std::move(holes)},
    };
    return object.dump(2, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace) + "\n";
}

}  // namespace ks::proof
