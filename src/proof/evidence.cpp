// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence.hpp"

#include "../drills/adapt.hpp"
#include "../drills/drills.hpp"
#include "../drills/exceptions.hpp"
#include "../drills/expectation.hpp"
#include "../drills/tally.hpp"
#include "../drills/verdict.hpp"
#include "evidence_files.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/pcapng.hpp"
#include "killswitchd/policy.hpp"
#include "page.hpp"
#include "proof.hpp"
#include "record_json.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks::proof {

namespace {

using nlohmann::json;

constexpr int kSchema = 1;
constexpr const char* kRecord = "record.json";
constexpr const char* kConfig = "config.yaml";
constexpr const char* kRules = "rules.nft";
constexpr const char* kPage = "proof.html";

std::string capture_name(const std::string& drill, const char* run) {
    return fmt::format("{}-{}.pcapng", drill, run);
}

json drill_json(const Played& drill) {
    return {{"name", drill.name},
            {"seconds", drill.seconds},
            {"error", drill.error},
            {"without", to_json(drill.verdict.without.record)},
            {"with", to_json(drill.verdict.with.record)}};
}

std::string record_text(const Proof& proof, const std::vector<const Played*>& drills) {
    json played = json::array();
    for (const Played* const drill : drills) {
        played.push_back(drill_json(*drill));
    }
    const json record{{"schema", kSchema},
                      {"version", proof.version},
                      {"kernel", proof.kernel},
                      {"made", proof.made},
                      {"command", proof.command},
                      {"config_file", proof.config_file},
                      {"config_hash", proof.config_hash},
                      {"notes", proof.notes},
                      {"drills", std::move(played)}};
    return record.dump(1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace) + "\n";
}

const drills::Drill* drill_named(const std::string& name) {
    if (name == drills::exceptions().name) {
        return &drills::exceptions();
    }
    const auto found = std::ranges::find(drills::all(), name, &drills::Drill::name);
    return found == drills::all().end() ? nullptr : &*found;
}

/// The text at `key`, or empty.
std::string text_at(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The whole of a directory, hashes compared.
class Judge {
  public:
    Judge(std::map<std::string, std::string> files, LoadedConfig config)
        : files_(std::move(files)), config_(std::move(config)),
          adapted_(drills::adapt(*config_.policy)), expected_(adapted_.policy) {}

    [[nodiscard]] Result<drills::Run> run(const json& drill, const std::string& name,
                                          const char* which) const {
        const auto file = files_.find(capture_name(name, which));
        const auto record = drill.find(which);
        if (file == files_.end() || record == drill.end()) {
            return Error{fmt::format("drill {}: the run {} the lock is missing", name, which)};
        }
        auto frames = lab::read_pcapng(
            {reinterpret_cast<const std::uint8_t*>(file->second.data()), file->second.size()});
        if (!frames) {
            return std::move(frames).error().within(file->first);
        }
        auto parsed = record_from(*record, frames->size());
        if (!parsed) {
            return std::move(parsed).error().within(fmt::format("drill {}", name));
        }
        // Else a control could be shown as the run with the lock.
        parsed->armed = which == std::string("with") ? drills::Armed::yes : drills::Armed::no;
        drills::Run run{*std::move(parsed), {}};
        run.tally = drills::tally_of(run.record, *frames, expected_);
        return run;
    }

    [[nodiscard]] Status add(const json& drill, Proof& proof) const {
        const std::string name = text_at(drill, "name");
        const drills::Drill* const known = drill_named(name);
        if (known == nullptr) {
            return Error{"the record names a drill that this program does not know"};
        }
        auto& list = known == &drills::exceptions() ? proof.exceptions : proof.drills;
        if (const std::string error = text_at(drill, "error"); !error.empty()) {
            list.push_back(played(*known, Error{error}, 0, config_, *config_.policy));
            return Done{};
        }
        auto without = run(drill, name, "without");
        auto with = without ? run(drill, name, "with") : std::move(without).error();
        if (!with) {
            return std::move(with).error();
        }
        const auto seconds = drill.find("seconds");
        const bool timed = seconds != drill.end() && seconds->is_number();
        list.push_back(played(*known, drills::Verdict{*std::move(without), *std::move(with), {}},
                              timed ? seconds->get<double>() : 0, config_, *config_.policy));
        return Done{};
    }

    void add_allowed(Proof& proof) const { add_holes(proof, adapted_, config_); }

  private:
    std::map<std::string, std::string> files_;
    LoadedConfig config_;
    drills::Adapted adapted_;
    drills::Expectation expected_;
};

Proof proof_in(const json& record) {
    Proof proof;
    proof.version = text_at(record, "version");
    proof.kernel = text_at(record, "kernel");
    proof.made = text_at(record, "made");
    proof.command = text_at(record, "command");
    proof.config_file = text_at(record, "config_file");
    proof.config_hash = text_at(record, "config_hash");
    const auto notes = record.find("notes");
    if (notes != record.end() && notes->is_array()) {
        for (const json& note : *notes) {
            proof.notes.push_back(note.is_string() ? note.get<std::string>() : std::string());
        }
    }
    return proof;
}

std::vector<const Played*> all_of(const Proof& proof) {
    std::vector<const Played*> all;
    for (const auto* const some : {&proof.drills, &proof.exceptions}) {
        for (const Played& drill : *some) {
            all.push_back(&drill);
        }
    }
    return all;
}

}  // namespace

std::string captures_in(const std::string& directory, const std::string& drill) {
    return fmt::format("{}/{}", directory, drill);
}

Status write_evidence(const std::string& directory, const Proof& proof) {
    const std::vector<const Played*> drills = all_of(proof);
    std::vector<std::string> names{kConfig, kRules, kPage, kRecord};
    const std::vector<std::string> texts{proof.config, proof.rules, page(proof),
                                         record_text(proof, drills)};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (auto written = write_evidence_file(directory, names[i], texts[i]); !written) {
            return written;
        }
    }
    for (const Played* const drill : drills) {
        if (drill->error.empty()) {
            names.push_back(capture_name(drill->name, "without"));
            names.push_back(capture_name(drill->name, "with"));
        }
    }
    return write_manifest(directory, names);
}

Result<Verified> verify_evidence(const std::string& directory) {
    auto files = read_manifest_files(directory);
    if (!files) {
        return std::move(files).error();
    }
    const std::size_t count = files->size();
    const json record = json::parse((*files)[kRecord], nullptr, /*allow_exceptions=*/false);
    const auto drills = record.is_object() ? record.find("drills") : record.end();
    if (!record.is_object() || drills == record.end() || !drills->is_array() ||
        drills->size() > 2 * drills::all().size()) {
        return Error{fmt::format("{} is not as this program writes it", kRecord)};
    }
    LoadedConfig config = parse_config({{kConfig, (*files)[kConfig]}}, system_names());
    if (!config.ok() || config.policy->tunnels.empty()) {
        return Error{fmt::format("{} is no config with a tunnel", kConfig)};
    }
    Verified verified{proof_in(record), count};
    verified.proof.config = (*files)[kConfig];
    verified.proof.rules = (*files)[kRules];
    const Judge judge(*std::move(files), std::move(config));
    for (const json& drill : *drills) {
        if (auto added = drill.is_object() ? judge.add(drill, verified.proof)
                                           : Status(Error{"a drill is no object"});
            !added) {
            return std::move(added).error();
        }
    }
    judge.add_allowed(verified.proof);
    return verified;
}

}  // namespace ks::proof
