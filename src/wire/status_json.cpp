// SPDX-License-Identifier: GPL-2.0-or-later
#include "status_json.hpp"

#include "killswitchd/automatic.hpp"
#include "killswitchd/time.hpp"
#include "members.hpp"

#include <array>
#include <cstdint>
#include <map>

#include <nlohmann/json.hpp>

namespace ks {

namespace {

using nlohmann::json;

std::vector<std::string> strings_in(const json& list) {
    std::vector<std::string> all;
    for (const json& item : list) {
        if (item.is_string()) {
            all.push_back(item.get<std::string>());
        }
    }
    return all;
}

std::optional<std::int64_t> seconds_in(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number_integer()
               ? std::optional(found->get<std::int64_t>())
               : std::nullopt;
}

Summary summary_from(const std::string& text) {
    constexpr std::array kAll{Summary::protected_, Summary::locked,   Summary::panic,
                              Summary::paused,     Summary::degraded, Summary::open};
    for (const Summary summary : kAll) {
        if (word(summary) == text) {
            return summary;
        }
    }
    return Summary::unknown;
}

json endpoint_json(const TunnelReport::KnownEndpoint& known) {
    return {{"endpoint", known.endpoint},
            {"source", known.source},
            {"learned", known.learned.empty() ? json() : json(known.learned)}};
}

json answers_json(const Answers& answers) {
    return {{"last", answers.last ? json(utc_text(*answers.last)) : json()},
            {"silent", answers.silent},
            {"server", answers.server},
            {"received_bytes", answers.received_bytes},
            {"sent_bytes", answers.sent_bytes}};
}

Answers answers_from(const json& object) {
    return {moment_in(member(object, "last", std::string())), member(object, "silent", false),
            member(object, "server", std::string()),
            member(object, "received_bytes", std::uint64_t{0}),
            member(object, "sent_bytes", std::uint64_t{0})};
}

json tunnel_json(const TunnelReport& tunnel) {
    json endpoints = json::array();
    for (const auto& known : tunnel.endpoints) {
        endpoints.push_back(endpoint_json(known));
    }
    return {
        {"name", tunnel.name},
        {"interface", tunnel.interface},
        {"kind", tunnel.kind},
        {"up", tunnel.up},
        {"refused", tunnel.refused},
        {"problem", tunnel.problem},
        {"endpoints", std::move(endpoints)},
        {"answers", tunnel.answers ? answers_json(*tunnel.answers) : json()},
        {"via", tunnel.via.empty() ? json() : json(tunnel.via)},
    };
}

TunnelReport tunnel_from(const json& object) {
    TunnelReport tunnel;
    tunnel.name = member(object, "name", std::string());
    tunnel.interface = member(object, "interface", std::string());
    tunnel.kind = member(object, "kind", std::string());
    tunnel.up = member(object, "up", false);
    tunnel.refused = member(object, "refused", false);
    tunnel.problem = member(object, "problem", std::string());
    tunnel.via = member(object, "via", std::string());
    for (const json& known : member(object, "endpoints", json::array())) {
        if (known.is_object()) {
            tunnel.endpoints.push_back({member(known, "endpoint", std::string()),
                                        member(known, "source", std::string()),
                                        member(known, "learned", std::string())});
        }
    }
    if (const json answers = member(object, "answers", json()); answers.is_object()) {
        tunnel.answers = answers_from(answers);
    }
    return tunnel;
}

json user_pauses_json(const std::map<std::uint32_t, std::int64_t>& pauses) {
    json list = json::array();
    for (const auto& [user, left] : pauses) {
        list.push_back({{"user", user}, {"paused_for", left}});
    }
    return list;
}

std::map<std::uint32_t, std::int64_t> user_pauses_from(const json& list) {
    std::map<std::uint32_t, std::int64_t> pauses;
    for (const json& one : list) {
        if (one.is_object()) {
            pauses.emplace(member(one, "user", std::uint32_t{0}),
                           member(one, "paused_for", std::int64_t{0}));
        }
    }
    return pauses;
}

json leases_json(const std::vector<LeaseReport>& leases) {
    json all = json::array();
    for (const LeaseReport& lease : leases) {
        all.push_back({{"endpoint", lease.endpoint},
                       {"source", lease.source},
                       {"learned", lease.learned},
                       {"only", lease.only}});
    }
    return all;
}

std::vector<LeaseReport> leases_from(const json& list) {
    std::vector<LeaseReport> all;
    for (const json& lease : list) {
        if (lease.is_object()) {
            all.push_back(
                {member(lease, "endpoint", std::string()), member(lease, "source", std::string()),
                 member(lease, "learned", std::string()), member(lease, "only", std::string())});
        }
    }
    return all;
}

json counters_json(const std::map<std::string, CounterValue>& counters) {
    json all = json::object();
    for (const auto& [name, value] : counters) {
        all[name] = {{"packets", value.packets}, {"bytes", value.bytes}};
    }
    return all;
}

}  // namespace

json to_json(const StatusReport& report) {
    json tunnels = json::array();
    for (const TunnelReport& tunnel : report.tunnels) {
        tunnels.push_back(tunnel_json(tunnel));
    }
    return {
        {"schema", kReportSchema},
        {"summary", word(report.judgement.summary)},
        {"reason", report.judgement.reason},
        {"state", report.judgement.state},
        {"since", report.since},
        {"armed", report.armed},
        {"mode", report.mode},
        {"scope", report.scope},
        {"verified", report.judgement.verified},
        {"service", report.service_running ? "running" : "stopped"},
        {"last_error", report.last_error},
        {"confirm_within", report.confirm_within ? json(*report.confirm_within) : json()},
        {"paused_for", report.paused_for ? json(*report.paused_for) : json()},
        {"user_pauses", user_pauses_json(report.user_pauses)},
        {"ipv6", report.ipv6},
        {"tunnels", std::move(tunnels)},
        {"leases", leases_json(report.leases)},
        {"holes", report.holes},
        {"open_holes", report.judgement.holes},
        {"silent", report.judgement.silent},
        {"notices", report.notices},
        {"counters", counters_json(report.counters)},
        {"ownership", report.ownership},
        {"raw", report.raw},
        {"raw_blocked", report.raw_blocked},
        {"raw_open", report.raw_open},
        {"persistent", report.persistent},
        {"fallback", report.fallback},
        {"boot_lock", report.boot_lock},
        {"boot_disabled", report.boot_disabled},
        {"config",
         {{"files", report.config.files},
          {"hash", report.config.hash},
          {"loaded", report.config.loaded},
          {"changed", report.config.changed}}},
    };
}

json endpoints_json(const StatusReport& report) {
    json endpoints = json::array();
    for (const TunnelReport& tunnel : report.tunnels) {
        for (const auto& known : tunnel.endpoints) {
            json one = endpoint_json(known);
            one["tunnel"] = tunnel.name;
            endpoints.push_back(std::move(one));
        }
    }
    for (json& lease : leases_json(report.leases)) {
        lease["tunnel"] = "";
        endpoints.push_back(std::move(lease));
    }
    return {{"schema", kReportSchema}, {"endpoints", std::move(endpoints)}};
}

StatusReport report_from(const json& object) {
    StatusReport report;
    report.judgement = {summary_from(member(object, "summary", std::string())),
                        member(object, "state", std::string("unknown")),
                        member(object, "reason", std::string()),
                        member(object, "verified", false),
                        member(object, "open_holes", std::size_t{0}),
                        member(object, "silent", false)};
    report.since = member(object, "since", std::string());
    report.armed = member(object, "armed", false);
    report.mode = member(object, "mode", std::string());
    report.scope = member(object, "scope", std::string());
    report.service_running = member(object, "service", std::string()) == "running";
    report.last_error = member(object, "last_error", std::string());
    report.confirm_within = seconds_in(object, "confirm_within");
    report.paused_for = seconds_in(object, "paused_for");
    report.user_pauses = user_pauses_from(member(object, "user_pauses", json::array()));
    report.ipv6 = member(object, "ipv6", std::string());
    for (const json& tunnel : member(object, "tunnels", json::array())) {
        if (tunnel.is_object()) {
            report.tunnels.push_back(tunnel_from(tunnel));
        }
    }
    report.leases = leases_from(member(object, "leases", json::array()));
    report.holes = strings_in(member(object, "holes", json::array()));
    report.notices = strings_in(member(object, "notices", json::array()));
    const json counters = member(object, "counters", json::object());
    for (const auto& [name, value] : counters.items()) {
        if (value.is_object()) {
            report.counters[name] = {member(value, "packets", std::uint64_t{0}),
                                     member(value, "bytes", std::uint64_t{0})};
        }
    }
    report.ownership = member(object, "ownership", std::string());
    report.raw = member(object, "raw", std::string());
    report.raw_blocked = strings_in(member(object, "raw_blocked", json::array()));
    report.raw_open = strings_in(member(object, "raw_open", json::array()));
    report.persistent = member(object, "persistent", false);
    report.fallback = member(object, "fallback", false);
    report.boot_lock = member(object, "boot_lock", false);
    report.boot_disabled = member(object, "boot_disabled", false);
    const json config = member(object, "config", json::object());
    report.config = {strings_in(member(config, "files", json::array())),
                     member(config, "hash", std::string()), member(config, "loaded", std::string()),
                     member(config, "changed", false)};
    return report;
}

}  // namespace ks
