// SPDX-License-Identifier: GPL-2.0-or-later
#include "render_set_json.hpp"

#include "killswitchd/net.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

using nlohmann::json;

json type_json(const SetKey& key) {
    const char* const address = key.family == IpFamily::v4 ? "ipv4_addr" : "ipv6_addr";
    switch (key.of) {
    case SetKey::Of::address:
    case SetKey::Of::network:
        return address;
    case SetKey::Of::endpoint:
        return {address, "inet_proto", "inet_service"};
    case SetKey::Of::interface:
        return "ifname";
    case SetKey::Of::link_network:
        return {"ifname", address};
    case SetKey::Of::flow:
        return {address, "inet_service", address, "inet_service"};
    case SetKey::Of::answer:
        return {address, "inet_service", "inet_service"};
    case SetKey::Of::packet_type:
        return "pkt_type";
    case SetKey::Of::user:
        return "uid";
    }
    return address;
}

}  // namespace

json set_json(const Set& set, TableFamily family, const Moment& now) {
    json elements = json::array();
    for (const TimedElement& element : set.timed) {
        if (const auto left = seconds_left(element, now); left > 0) {
            elements.push_back({{"elem", {{"val", element.value}, {"timeout", left}}}});
        }
    }
    for (const Endpoint& element : set.elements) {
        const std::string address = element.address.str();
        elements.push_back(
            set.key.of == SetKey::Of::address
                ? json(address)
                : json{{"concat", {address, proto::name(element.protocol), element.port}}});
    }
    for (const LinkNetwork& element : set.networks) {
        const std::string network = element.network.address.str();
        elements.push_back(
            set.key.of == SetKey::Of::network     ? json(network)
            : set.key.of == SetKey::Of::interface ? json(element.interface)
                                                  : json{{"concat", {element.interface, network}}});
    }
    json out{{"family", word(family)},
             {"table", kTable},
             {"name", set.name},
             {"type", type_json(set.key)}};
    if (set.key.of == SetKey::Of::answer) {
        out["size"] = kMostAnswers;
        out["flags"] = json::array({"timeout"});  // nft itself adds that rules may fill it.
        out["timeout"] = std::chrono::seconds(kAnswerTimeout).count();
        out["gc-interval"] = kAnswersCollected.count();
    } else if (set.key.of == SetKey::Of::flow) {
        out["size"] = kMostFlows;
        out["flags"] = {"timeout"};  // nft 1.0 knows no word for `dynamic` here.
        out["timeout"] = std::chrono::duration_cast<std::chrono::seconds>(kFlowMemory).count();
    } else {
        if (!set.timed.empty()) {
            out["flags"] = {"timeout"};
        }
        out["elem"] = std::move(elements);
    }
    return out;
}

}  // namespace ks::cli
