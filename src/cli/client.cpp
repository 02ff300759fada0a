// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.hpp"

#include "../wire/blocked_json.hpp"
#include "../wire/status_json.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ks::cli {

namespace {

using nlohmann::json;

/// A reload of many endpoints, and a busy machine, both fit in here.
constexpr std::chrono::seconds kPatience{30};

bool nobody_listens(const Error& error) {
    return error.sys_errno == ENOENT || error.sys_errno == ECONNREFUSED;
}

json wire_of(const LeaseWish& wish) {
    json endpoints = json::array();
    for (const Endpoint& endpoint : wish.endpoints) {
        endpoints.push_back(endpoint.str());
    }
    json only = json::object();
    if (wish.only.fwmark) {
        only["fwmark"] =
            fmt::format("0x{:x}/0x{:x}", wish.only.fwmark->value, wish.only.fwmark->mask);
    }
    if (wish.only.user) {
        only["user"] = *wish.only.user;
    }
    if (wish.only.group) {
        only["group"] = *wish.only.group;
    }
    if (wish.only.cgroup) {
        only["cgroup"] = *wish.only.cgroup;
    }
    return {{"endpoints", std::move(endpoints)}, {"only", std::move(only)}};
}

Result<json> receive(ControlClient& client, std::optional<std::chrono::milliseconds> timeout) {
    auto text = client.receive(timeout);
    if (!text) {
        return std::move(text).error().within("waiting for the service");
    }
    json message = json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!message.is_object()) {
        return Error{"the service answered something that is not JSON"};
    }
    return message;
}

/// A reply with what it says of an error.
Reply error_in(const json& message) {
    const json answer = message.value("parameters", json::object());
    Reply reply;
    reply.error = message.value("error", "");
    reply.reason = answer.value("reason", "");
    reply.hint = answer.value("hint", "");
    return reply;
}

Reply reply_in(const json& message) {
    Reply reply = error_in(message);
    reply.status =
        report_from(message.value("parameters", json::object()).value("status", json::object()));
    return reply;
}

}  // namespace

Result<std::optional<Reply>> ask_service(const Options& options, const std::string& method,
                                         const std::vector<Parameter>& parameters) {
    auto client = ControlClient::connect(options.paths.socket());
    if (!client) {
        if (nobody_listens(client.error())) {
            return std::optional<Reply>{};
        }
        return std::move(client).error();
    }
    json wire = json::object();
    for (const Parameter& parameter : parameters) {
        std::visit([&](auto value) { wire[parameter.name] = value; }, parameter.value);
    }
    if (auto sent = client->send(json{{"method", method}, {"parameters", wire}}.dump()); !sent) {
        return std::move(sent).error();
    }
    auto message = receive(*client, kPatience);
    if (!message) {
        return std::move(message).error();
    }
    return std::optional(reply_in(*message));
}

Result<std::optional<Lease>> ask_lease(const Options& options, const LeaseWish& wish) {
    auto client = ControlClient::connect(options.paths.socket());
    if (!client) {
        if (nobody_listens(client.error())) {
            return std::optional<Lease>{};
        }
        return std::move(client).error();
    }
    const json request{
        {"method", "org.killswitchd.AllowEndpoint"}, {"parameters", wire_of(wish)}, {"more", true}};
    if (auto sent = client->send(request.dump()); !sent) {
        return std::move(sent).error();
    }
    auto message = receive(*client, kPatience);
    if (!message) {
        return std::move(message).error();
    }
    return std::optional(Lease{reply_in(*message), *std::move(client)});
}

Result<std::optional<Done>> watch_service(const Options& options, From from,
                                          const std::function<bool(const ServiceEvent&)>& each) {
    auto client = ControlClient::connect(options.paths.socket());
    if (!client) {
        if (nobody_listens(client.error())) {
            return std::optional<Done>{};
        }
        return std::move(client).error();
    }
    const json request{{"method", "org.killswitchd.Monitor"},
                       {"parameters", {{"now", from == From::now}}},
                       {"more", true}};
    if (auto sent = client->send(request.dump()); !sent) {
        return std::move(sent).error();
    }
    for (;;) {
        auto message = receive(*client, std::nullopt);
        if (!message) {
            return std::move(message).error();
        }
        if (message->contains("error")) {
            return Error{message->value("error", ""), EPERM};
        }
        const json& event = (*message)["parameters"]["event"];
        if (!each({event.value("time", ""), event.value("key", ""), event.value("text", ""),
                   report_from(event.value("status", json::object())),
                   event.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace)})) {
            return std::optional(Done{});
        }
    }
}

Result<std::vector<std::string>> recent_events(const Options& options) {
    std::vector<std::string> lines;
    auto client = ControlClient::connect(options.paths.socket());
    if (!client) {
        return nobody_listens(client.error()) ? Result(lines)
                                              : Result<std::vector<std::string>>(client.error());
    }
    if (auto sent = client->send(json{{"method", "org.killswitchd.GetEvents"}}.dump()); !sent) {
        return std::move(sent).error();
    }
    auto message = receive(*client, kPatience);
    if (!message) {
        return std::move(message).error();
    }
    for (const json& event :
         message->value("parameters", json::object()).value("events", json::array())) {
        lines.push_back(fmt::format("{} {}: {}", event.value("time", ""), event.value("key", ""),
                                    event.value("text", "")));
    }
    return lines;
}

Result<std::optional<Reply>>
watch_blocked(const Options& options, bool follow,
              const std::function<bool(std::vector<BlockedPacket>)>& each) {
    constexpr std::chrono::milliseconds kTick{200};
    auto client = ControlClient::connect(options.paths.socket());
    if (!client) {
        return nobody_listens(client.error()) ? Result(std::optional<Reply>{})
                                              : std::move(client).error();
    }
    const json request{
        {"method", "org.killswitchd.Blocked"}, {"parameters", json::object()}, {"more", follow}};
    if (auto sent = client->send(request.dump()); !sent) {
        return std::move(sent).error();
    }
    for (;;) {
        const auto message = receive(*client, kTick);
        std::vector<BlockedPacket> packets;
        if (!message && message.error().sys_errno != ETIMEDOUT) {
            return message.error();
        }
        if (message && message->contains("error")) {
            return std::optional(error_in(*message));
        }
        if (message) {
            for (const json& object : message->at("parameters").value("packets", json::array())) {
                if (auto packet = blocked_from(object)) {
                    packets.push_back(*std::move(packet));
                }
            }
        }
        const bool waits = !message && !follow;  // For the only answer.
        if (!each(std::move(packets)) && !waits) {
            return std::optional(Reply{});
        }
    }
}

std::string start_command() {
    return ::access("/run/systemd/system", F_OK) == 0 ? "sudo systemctl start killswitchd"
                                                      : "sudo killswitchd run";
}

int explain_error(const Reply& reply) {
    if (reply.error == "org.killswitchd.ConfigInvalid") {
        fmt::print(stderr, "{}", reply.reason);
        complain("the previous config stays in force");
        return kConfigInvalid;
    }
    if (reply.error == "org.killswitchd.PermissionDenied") {
        complain("the service does not allow this to you", "run it as root");
        return kNoPermission;
    }
    complain(reply.reason.empty() ? reply.error : reply.reason, reply.hint);
    return reply.error == "org.killswitchd.Refused" ? kRefused : kFailed;
}

}  // namespace ks::cli
