// SPDX-License-Identifier: GPL-2.0-or-later
#include "service.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks {

namespace {

using nlohmann::json;

constexpr const char* kInterface = R"(# The kill switch.
interface org.killswitchd

type Event (time: string, key: string, text: string, status: object)

# The object of `killswitchd status --json`.
method GetStatus() -> (status: object)
# With "more": one answer for every event.
method Monitor() -> (event: Event)
method Arm() -> (status: object)
method Disarm() -> (status: object)
method Lock() -> (status: object)
method Unlock() -> (status: object)
method Reload() -> (status: object)

error PermissionDenied ()
error Refused (reason: string)
error Failed (reason: string)
error ConfigInvalid (reason: string)
)";

constexpr const char* kVarlinkInterface = R"(# The Varlink Service Interface
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error InvalidParameter (parameter: string)
error ExpectedMore ()
)";

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

bool has_gid(const Peer& peer, std::uint32_t gid) {
    return std::ranges::find(peer.gids, gid) != peer.gids.end();
}

/// A member of a request that may be absent, but not of another type.
bool flag(const json& request, const char* name) {
    const auto found = request.find(name);
    return found != request.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

Answer Answer::ok(json parameters) {
    return {{}, std::make_unique<json>(std::move(parameters))};
}

Answer Answer::fail(std::string error, const std::string& reason) {
    return {std::move(error), std::make_unique<json>(json{{"reason", reason}})};
}

Status Service::listen(Reactor& reactor, const std::string& path) {
    auto server = ControlServer::listen(
        reactor, path,
        {[this](const Peer& peer) { return may_read(peer); },
         [this](ControlServer::ClientId client, const Peer& peer, std::string_view text) {
             request(client, peer, text);
         },
         [this](ControlServer::ClientId client) { monitors_.erase(client); }});
    if (!server) {
        return std::move(server).error();
    }
    server_ = std::make_unique<ControlServer>(*std::move(server));
    return Done{};
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
    if (!request.is_object() || method == request.end() || !method->is_string()) {
        server_->send(
            client, error_reply("org.varlink.service.InvalidParameter", {{"parameter", "method"}}));
        server_->finish(client);
        return;
    }
    if (*method == "org.varlink.service.GetInterfaceDescription") {
        const auto parameters = request.value("parameters", json::object());
        const std::string name = parameters.is_object() && parameters.contains("interface") &&
                                         parameters["interface"].is_string()
                                     ? parameters["interface"].get<std::string>()
                                     : std::string();
        server_->send(client, name == "org.killswitchd" ? reply({{"description", kInterface}})
                              : name == "org.varlink.service"
                                  ? reply({{"description", kVarlinkInterface}})
                                  : error_reply("org.varlink.service.InterfaceNotFound",
                                                {{"interface", name}}));
        server_->finish(client);
        return;
    }
    dispatch(client, peer, method->get<std::string>(), flag(request, "more"),
             flag(request, "oneway"));
}

void Service::dispatch(ControlServer::ClientId client, const Peer& peer, const std::string& method,
                       bool more, bool oneway) {
    const auto answer = [&](const std::string& message) {
        if (!oneway) {
            server_->send(client, message);
        }
        server_->finish(client);
    };
    if (method == "org.varlink.service.GetInfo") {
        return answer(reply(info()));
    }
    if (method == "org.killswitchd.GetStatus") {
        return answer(reply({{"status", actions_.status()}}));
    }
    if (method == "org.killswitchd.Monitor") {
        if (!more) {
            return answer(error_reply("org.varlink.service.ExpectedMore"));
        }
        monitors_.insert(client);
        return;  // Stays open; publish() answers.
    }
    const std::map<std::string, decltype(ServiceActions::arm)*> changes{
        {"org.killswitchd.Arm", &actions_.arm},       {"org.killswitchd.Disarm", &actions_.disarm},
        {"org.killswitchd.Lock", &actions_.lock},     {"org.killswitchd.Unlock", &actions_.unlock},
        {"org.killswitchd.Reload", &actions_.reload},
    };
    const auto change = changes.find(method);
    if (change == changes.end()) {
        return answer(error_reply("org.varlink.service.MethodNotFound", {{"method", method}}));
    }
    if (!may_change(peer)) {
        return answer(error_reply("org.killswitchd.PermissionDenied"));
    }
    const Answer done = (*change->second)(fmt::format("uid {} (pid {})", peer.uid, peer.pid));
    answer(done.error.empty() ? reply(*done.parameters)
                              : error_reply(done.error, *done.parameters));
}

void Service::publish(const std::string& key, const std::string& text) {
    if (monitors_.empty()) {
        return;
    }
    const json event{
        {"time", utc_now()}, {"key", key}, {"text", text}, {"status", actions_.status()}};
    const std::string message = json{{"parameters", {{"event", event}}}, {"continues", true}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
    const auto receivers = monitors_;  // send() may lose one.
    for (const ControlServer::ClientId client : receivers) {
        server_->send(client, message);
    }
}

}  // namespace ks
