// SPDX-License-Identifier: GPL-2.0-or-later
#include "record_json.hpp"

#include "../drills/record.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace ks::proof {

namespace {

using nlohmann::json;

/// More than any drill has.
constexpr std::size_t kMostItems = 2'000;
constexpr std::uint64_t kMostComparisons = 1'000'000'000;

template <class Number>
json optional_number(const std::optional<Number>& number) {
    return number ? json(*number) : json();
}

json probe_json(const drills::Fired& fired) {
    const lab::Shot& shot = fired.shot;
    return {{"name", shot.probe.name},
            {"to", shot.probe.to.str()},
            {"port", shot.probe.port},
            {"user", optional_number(shot.probe.sender.user)},
            {"group", optional_number(shot.probe.sender.group)},
            {"tag", shot.tag},
            {"source_port", shot.source_port},
            {"errno", shot.local_errno},
            {"through", fired.through}};
}

json burst_json(const drills::Burst& burst) {
    json probes = json::array();
    for (const drills::Fired& fired : burst.fired) {
        probes.push_back(probe_json(fired));
    }
    return {{"at_ms", burst.at_ms},         {"tunnel", burst.tunnel},
            {"guest", burst.guest},         {"first_frame", burst.first_frame},
            {"end_frame", burst.end_frame}, {"meant_for", optional_number(burst.meant_for)},
            {"probes", std::move(probes)}};
}

/// Reads the members of one object, and remembers whether one was missing or of another kind.
class Reader {
  public:
    explicit Reader(const json& object) : object_(object), good_(object.is_object()) {}

    [[nodiscard]] bool good() const { return good_; }

    template <class Number>
    Number number(const char* key) {
        const json* const value = find(key);
        const bool fits = value != nullptr && value->is_number_unsigned() &&
                          value->get<std::uint64_t>() <= std::numeric_limits<Number>::max();
        good_ = good_ && fits;
        return fits ? value->get<Number>() : Number{};
    }
    template <class Number>
    std::optional<Number> perhaps(const char* key) {
        const json* const value = find(key);
        return value == nullptr || value->is_null() ? std::nullopt
                                                    : std::optional(number<Number>(key));
    }
    bool flag(const char* key) {
        const json* const value = find(key);
        const bool fits = value != nullptr && value->is_boolean();
        good_ = good_ && fits;
        return fits && value->get<bool>();
    }
    std::string text(const char* key) {
        const json* const value = find(key);
        const bool fits = value != nullptr && value->is_string();
        good_ = good_ && fits;
        return fits ? value->get<std::string>() : std::string();
    }
    const json& list(const char* key) {
        static const json kNone = json::array();
        const json* const value = find(key);
        const bool fits = value != nullptr && value->is_array() && value->size() <= kMostItems;
        good_ = good_ && fits;
        return fits ? *value : kNone;
    }

  private:
    const json* find(const char* key) {
        if (!object_.is_object()) {
            return nullptr;
        }
        const auto found = object_.find(key);
        return found == object_.end() ? nullptr : &*found;
    }

    const json& object_;
    bool good_;
};

bool read_probe(const json& object, drills::Fired& fired) {
    Reader reader(object);
    lab::Shot& shot = fired.shot;
    shot.probe.name = reader.text("name");
    const auto to = IpAddress::parse(reader.text("to"));
    shot.probe.port = reader.number<std::uint16_t>("port");
    shot.probe.sender = {reader.perhaps<std::uint32_t>("user"),
                         reader.perhaps<std::uint32_t>("group")};
    shot.tag = reader.number<std::uint32_t>("tag");
    shot.source_port = reader.number<std::uint16_t>("source_port");
    shot.local_errno = reader.number<std::uint16_t>("errno");
    fired.through = reader.flag("through");
    shot.probe.to = to.value_or(IpAddress{});
    return reader.good() && to;
}

bool read_burst(const json& object, drills::Burst& burst) {
    Reader reader(object);
    burst.at_ms = reader.number<std::uint64_t>("at_ms");
    burst.tunnel = reader.flag("tunnel");
    burst.guest = reader.flag("guest");
    burst.first_frame = reader.number<std::size_t>("first_frame");
    burst.end_frame = reader.number<std::size_t>("end_frame");
    burst.meant_for = reader.perhaps<std::size_t>("meant_for");
    for (const json& probe : reader.list("probes")) {
        if (!read_probe(probe, burst.fired.emplace_back())) {
            return false;
        }
    }
    return reader.good();
}

bool read_others(const json& object, drills::Record& record) {
    Reader reader(object);
    for (const json& item : reader.list("floods")) {
        Reader flood(item);
        record.floods.push_back(
            {flood.number<std::uint32_t>("tag"), flood.number<std::uint64_t>("sent")});
        if (!flood.good()) {
            return false;
        }
    }
    for (const json& item : reader.list("knocks")) {
        Reader knock(item);
        record.knocks.push_back(
            {knock.text("what"), knock.flag("answered"), knock.perhaps<std::size_t>("meant_for")});
        if (!knock.good()) {
            return false;
        }
    }
    for (const json& failure : reader.list("failures")) {
        if (!failure.is_string()) {
            return false;
        }
        record.failures.push_back(failure.get<std::string>());
    }
    record.counted_from = reader.perhaps<std::size_t>("counted_from");
    record.uncaptured = reader.number<std::uint64_t>("uncaptured");
    record.armed = reader.flag("armed") ? drills::Armed::yes : drills::Armed::no;
    return reader.good();
}

bool is_quickly_judged(const drills::Record& record, std::size_t frames) {
    std::uint64_t comparisons = std::uint64_t{record.floods.size()} * frames;
    for (const drills::Burst& burst : record.bursts) {
        const std::size_t end = std::min(burst.end_frame, frames);
        comparisons += std::uint64_t{end - std::min(burst.first_frame, end)} * burst.fired.size();
    }
    return comparisons <= kMostComparisons;
}

}  // namespace

json to_json(const drills::Record& record) {
    json bursts = json::array();
    for (const drills::Burst& burst : record.bursts) {
        bursts.push_back(burst_json(burst));
    }
    json floods = json::array();
    for (const drills::Poured& flood : record.floods) {
        floods.push_back({{"tag", flood.tag}, {"sent", flood.sent}});
    }
    json knocks = json::array();
    for (const drills::Knocked& knock : record.knocks) {
        knocks.push_back({{"what", knock.what},
                          {"answered", knock.answered},
                          {"meant_for", optional_number(knock.meant_for)}});
    }
    return {{"armed", record.armed == drills::Armed::yes},
            {"counted_from", optional_number(record.counted_from)},
            {"uncaptured", record.uncaptured},
            {"failures", record.failures},
            {"floods", std::move(floods)},
            {"knocks", std::move(knocks)},
            {"bursts", std::move(bursts)}};
}

Result<drills::Record> record_from(const json& object, std::size_t frames) {
    drills::Record record;
    Reader reader(object);
    bool good = read_others(object, record);
    for (const json& burst : reader.list("bursts")) {
        good = good && read_burst(burst, record.bursts.emplace_back());
    }
    if (!good || !reader.good()) {
        return Error{"the record of a run is not as this program writes it"};
    }
    if (!is_quickly_judged(record, frames)) {
        return Error{"the record of a run is larger than any that this program writes"};
    }
    return record;
}

}  // namespace ks::proof
