// SPDX-License-Identifier: GPL-2.0-or-later
#include "service.hpp"

#include "../wire/blocked_json.hpp"
#include "../wire/status_json.hpp"
#include "interface_text.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks {

namespace {

using nlohmann::json;

json info() {
    return {{"vendor", "killswitchd"},
            {"product", "killswitchd"},
            {"version", KS_VERSION},
            {"url", ""},
            {"interfaces", {"org.varlink.service", "org.killswitchd"}}};
}

std::string reply(const json& parameters) {
    return json{{"parameters", parameters}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string error_reply(const std::string& error, const json& parameters = json::object()) {
    return json{{"error", error}, {"parameters", parameters}}.dump(-1, ' ', false,
                                                                   json::error_handler_t::replace);
}

std::string describe(const json& parameters) {
    const auto found = parameters.find("interface");
    const std::string name =
        found != parameters.end() && found->is_string() ? found->get<std::string>() : std::string();
    if (name == "org.killswitchd") {
        return reply({{"description", kInterface}});
    }
    return name == "org.varlink.service"
               ? reply({{"description", kVarlinkInterface}})
               : error_reply("org.varlink.service.InterfaceNotFound", {{"interface", name}});
}

bool has_gid(const Peer& peer, std::uint32_t gid) {
    return std::ranges::find(peer.gids, gid) != peer.gids.end();
}

/// A member of a request that may be absent, but not of another type.
bool flag(const json& request, const char* name) {
    const auto found = request.find(name);
    return found != request.end() && found->is_boolean() && found->get<bool>();
}

/// A parameter that is there but of another type than it has to be: to ignore it could turn a
/// wish for a moment into one for good.
std::optional<std::string> misfit(const json& parameters) {
    for (const auto& [name, value] : parameters.items()) {
        const bool number = name == "confirm_within" || name == "seconds" || name == "user";
        if ((number && !value.is_number_unsigned()) || (name == "all" && !value.is_boolean())) {
            return name;
        }
    }
    return std::nullopt;
}

/// A whole number of seconds, if it is there. The core knows the limits.
std::optional<std::chrono::seconds> seconds(const json& parameters, const char* name) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) {
        return std::nullopt;
    }
    constexpr std::uint64_t kMost = 1'000'000'000;  // Keeps the sum of two in range.
    return std::chrono::seconds(std::min(found->get<std::uint64_t>(), kMost));
}

/// The number of a user, if it is there; of nobody where there can be no such user.
std::optional<std::uint32_t> user_in(const json& parameters) {
    const auto found = parameters.find("user");
    if (found == parameters.end()) {
        return std::nullopt;
    }
    constexpr std::uint64_t kNobody = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::min(found->get<std::uint64_t>(), kNobody));
}

/// The request that `method` stands for; nothing for another method.
std::optional<Request> request_from(const std::string& method, const json& parameters) {
    if (method == "org.killswitchd.Arm") {
        return request::Arm{seconds(parameters, "confirm_within")};
    }
    if (method == "org.killswitchd.Disarm") {
        return flag(parameters, "all") ? Request(request::OpenAll{}) : Request(request::Disarm{});
    }
    if (method == "org.killswitchd.Pause") {
        return request::Pause{seconds(parameters, "seconds").value_or(std::chrono::seconds(0)),
                              user_in(parameters)};
    }
    const std::map<std::string, Request> plain{{"org.killswitchd.Confirm", request::Confirm{}},
                                               {"org.killswitchd.Lock", request::Lock{}},
                                               {"org.killswitchd.Unlock", request::Unlock{}},
                                               {"org.killswitchd.Resume", request::Resume{}}};
    const auto found = plain.find(method);
    return found == plain.end() ? std::nullopt : std::optional(found->second);
}

/// The items of `only` as parse_lease() takes them. Users and groups are numbers here: looking up a
/// name is the client's affair.
std::optional<std::vector<std::string>> selectors_in(const json& only) {
    std::vector<std::string> items;
    for (const auto& [name, value] : only.items()) {
        const bool number = name == "user" || name == "group";
        if (number ? !value.is_number_unsigned() : !value.is_string()) {
            return std::nullopt;
        }
        items.push_back(fmt::format("{}={}", name,
                                    number ? std::to_string(value.get<std::uint64_t>())
                                           : value.get<std::string>()));
        if (items.back().find(',') != std::string::npos) {
            return std::nullopt;
        }
    }
    return items;
}

Result<LeaseWish> wish_in(const json& parameters) {
    const json endpoints = parameters.is_object() ? parameters.value("endpoints", json()) : json();
    const json only = parameters.is_object() ? parameters.value("only", json()) : json();
    std::vector<std::string> texts;
    for (const json& text : endpoints.is_array() ? endpoints : json::array()) {
        texts.push_back(text.is_string() ? text.get<std::string>() : std::string());
    }
    const auto items = only.is_null()     ? std::vector<std::string>{}
                       : only.is_object() ? selectors_in(only)
                                          : std::nullopt;
    return items ? parse_lease(texts, *items, NameLookup{})
                 : Result<LeaseWish>(Error{"only is not as it should be"});
}

std::string failure_reply(const Failure& failure) {
    switch (failure.kind) {
    case Failure::Kind::refused:
        return error_reply("org.killswitchd.Refused",
                           {{"reason", failure.reason}, {"hint", failure.hint}});
    case Failure::Kind::config_invalid:
        return error_reply("org.killswitchd.ConfigInvalid", {{"reason", failure.reason}});
    case Failure::Kind::failed:
        break;
    }
    return error_reply("org.killswitchd.Failed", {{"reason", failure.reason}});
}

std::string blocked_reply(const std::vector<BlockedPacket>& packets, bool continues) {
    json list = json::array();
    for (const BlockedPacket& packet : packets) {
        list.push_back(to_json(packet));
    }
    json message{{"parameters", {{"packets", std::move(list)}}}};
    if (continues) {
        message["continues"] = true;
    }
    return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string answer_reply(const Answer& answer) {
    return answer ? reply({{"status", to_json(*answer)}}) : failure_reply(answer.error());
}

}  // namespace

Status Service::listen(Reactor& reactor, const std::string& path) {
    server_.reset();  // Order: it removes its socket file as it goes.
    monitors_.clear();
    await_blocked_.clear();
    if (!leases_.known().empty()) {
        leases_.end_all();
        static_cast<void>(actions_.leases("every lease ended with the control socket"));
    }
    auto server =
        ControlServer::listen(reactor, path,
                              {[this](const Peer& peer) { return may_read(peer); },
                               [this](ControlServer::ClientId client, const Peer& peer,
                                      std::string_view text) { request(client, peer, text); },
                               [this](ControlServer::ClientId client) { lose(client); }});
    if (!server) {
        return std::move(server).error();
    }
    server_ = std::make_unique<ControlServer>(*std::move(server));
    return Done{};
}

void Service::lose(ControlServer::ClientId client) {
    monitors_.erase(client);
    if (await_blocked_.erase(client) != 0 && await_blocked_.empty()) {
        actions_.await_blocked(false);
    }
    if (const std::string ended = leases_.end(client); !ended.empty()) {
        static_cast<void>(actions_.leases(ended));
    }
}

bool Service::may_change(const Peer& peer) const {
    return peer.uid == 0 || (control_.admin_gid && has_gid(peer, *control_.admin_gid));
}

bool Service::may_read(const Peer& peer) const {
    switch (control_.read.who) {
    case ReadAccess::Who::all:
        return true;
    case ReadAccess::Who::group:
        return may_change(peer) || has_gid(peer, control_.read.gid);
    case ReadAccess::Who::root:
        return may_change(peer);
    }
    return false;
}

void Service::request(ControlServer::ClientId client, const Peer& peer, std::string_view text) {
    const json request = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto method = request.is_object() ? request.find("method") : request.end();
    const bool oneway = request.is_object() && flag(request, "oneway");
    std::string answer =
        !request.is_object() || method == request.end() || !method->is_string()
            ? error_reply("org.varlink.service.InvalidParameter", {{"parameter", "method"}})
            : dispatch(client, peer, request);
    if (answer.empty()) {
        return;
    }
    if (!oneway) {
        server_->send(client, answer);
    }
    server_->finish(client);
}

std::string Service::dispatch(ControlServer::ClientId client, const Peer& peer,
                              const json& request) {
    const auto method = request["method"].get<std::string>();
    json parameters = request.value("parameters", json::object());
    if (!parameters.is_object()) {
        parameters = json::object();
    }
    if (method == "org.varlink.service.GetInfo") {
        return reply(info());
    }
    if (method == "org.varlink.service.GetInterfaceDescription") {
        return describe(parameters);
    }
    if (method == "org.killswitchd.GetStatus") {
        return reply({{"status", to_json(actions_.status())}});
    }
    if (method == "org.killswitchd.GetEvents") {
        json events = json::array();
        for (const PastEvent& past : past_) {
            events.push_back({{"time", past.time}, {"key", past.key}, {"text", past.text}});
        }
        return reply({{"events", std::move(events)}});
    }
    if (method == "org.killswitchd.Monitor") {
        if (!flag(request, "more")) {
            return error_reply("org.varlink.service.ExpectedMore");
        }
        monitors_.insert(client);
        if (flag(parameters, "now")) {
            server_->send(client, event("status", ""));
        }
        return {};  // publish() answers.
    }
    if (method == "org.killswitchd.Blocked") {
        return show_blocked(client, peer, request);
    }
    if (method == "org.killswitchd.AllowEndpoint") {
        return lease(client, peer, request);
    }
    return change(peer, method, parameters);
}

/// Whom a user talks to is nobody else's business.
std::string Service::show_blocked(ControlServer::ClientId client, const Peer& peer,
                                  const json& request) {
    if (!may_change(peer)) {
        return error_reply("org.killswitchd.PermissionDenied");
    }
    const auto recent = actions_.blocked();
    if (!recent) {
        return failure_reply(recent.error());
    }
    if (!flag(request, "more")) {
        return blocked_reply(*recent, /*continues=*/false);
    }
    server_->send(client, blocked_reply(*recent, /*continues=*/true));
    await_blocked_.insert(client);
    actions_.await_blocked(true);
    return {};  // publish() goes on.
}

std::string Service::lease(ControlServer::ClientId client, const Peer& peer, const json& request) {
    if (!may_change(peer)) {
        return error_reply("org.killswitchd.PermissionDenied");
    }
    if (!flag(request, "more")) {
        return error_reply("org.varlink.service.ExpectedMore");
    }
    const auto wish = wish_in(request.value("parameters", json::object()));
    if (!wish) {
        return error_reply("org.killswitchd.Refused",
                           {{"reason", wish.error().what}, {"hint", ""}});
    }
    const Answer answer = grant(client, peer, *wish);
    if (!answer) {
        return failure_reply(answer.error());
    }
    server_->send(client,
                  json{{"parameters", {{"status", to_json(*answer)}}}, {"continues", true}}.dump(
                      -1, ' ', false, json::error_handler_t::replace));
    return {};  // The request is never finished: its end is that of the connection.
}

Answer Service::grant(ControlServer::ClientId client, const Peer& peer, const LeaseWish& wish) {
    if (auto added = leases_.add(client, peer, wish); !added) {
        return Failure{Failure::Kind::refused, std::move(added).error().what,
                       "end one of the others first"};
    }
    Answer answer = actions_.leases(leases_.described(client));
    if (!answer) {
        lose(client);
    }
    return answer;
}

std::string Service::change(const Peer& peer, const std::string& method, const json& parameters) {
    const bool known = request_from(method, json::object()).has_value();
    if (!known && method != "org.killswitchd.Reload") {
        return error_reply("org.varlink.service.MethodNotFound", {{"method", method}});
    }
    if (!may_change(peer)) {
        return error_reply("org.killswitchd.PermissionDenied");
    }
    if (const auto name = misfit(parameters)) {
        return error_reply("org.varlink.service.InvalidParameter", {{"parameter", *name}});
    }
    const std::string who = fmt::format("uid {} (pid {})", peer.uid, peer.pid);
    const auto request = request_from(method, parameters);
    return answer_reply(request ? actions_.change(*request, who) : actions_.reload(who));
}

std::string Service::event(const std::string& key, const std::string& text) const {
    const json body{
        {"time", utc_now()}, {"key", key}, {"text", text}, {"status", to_json(actions_.status())}};
    return json{{"parameters", {{"event", body}}}, {"continues", true}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
}

void Service::publish(const std::string& key, const std::string& text) {
    constexpr std::size_t kKept = 50;
    past_.push_back({utc_now(), key, text});
    if (past_.size() > kKept) {
        past_.pop_front();
    }
    if (monitors_.empty()) {
        return;
    }
    const std::string message = event(key, text);
    const auto receivers = monitors_;  // send() may lose one.
    for (const ControlServer::ClientId client : receivers) {
        server_->send(client, message);
    }
}

void Service::publish(const std::vector<BlockedPacket>& packets) {
    if (await_blocked_.empty() || packets.empty()) {
        return;
    }
    const std::string message = blocked_reply(packets, /*continues=*/true);
    const auto receivers = await_blocked_;  // As above.
    for (const ControlServer::ClientId client : receivers) {
        server_->send(client, message);
    }
}

}  // namespace ks
