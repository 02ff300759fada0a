// SPDX-License-Identifier: GPL-2.0-or-later
#include "blocked_json.hpp"

#include "killswitchd/net.hpp"
#include "members.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace ks {

namespace {

using nlohmann::json;

std::string_view word(Direction direction) {
    switch (direction) {
    case Direction::out:
        return "out";
    case Direction::in:
        return "in";
    case Direction::forward:
        return "forward";
    }
    return "out";
}

json optional_json(const std::optional<std::uint32_t>& number) {
    return number ? json(*number) : json();
}

std::optional<std::uint32_t> optional_in(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number_unsigned()
               ? std::optional(found->get<std::uint32_t>())
               : std::nullopt;
}

}  // namespace

json to_json(const BlockedPacket& blocked) {
    const PacketView& packet = blocked.packet;
    return {
        {"time", blocked.time},
        {"reason", blocked.reason},
        {"direction", word(blocked.direction)},
        {"protocol", packet.protocol},
        {"protocol_name", proto::name(packet.protocol)},
        {"source", packet.source.str()},
        {"source_port", packet.source_port},
        {"destination", packet.destination.str()},
        {"destination_port", packet.destination_port},
        {"icmp_type", packet.icmp_type},
        {"later_fragment", packet.later_fragment},
        {"in_interface", packet.in_interface},
        {"out_interface", packet.out_interface},
        {"mark", packet.mark},
        {"uid", optional_json(packet.uid)},
        {"gid", optional_json(packet.gid)},
    };
}

std::optional<BlockedPacket> blocked_from(const json& object) {
    const auto source = IpAddress::parse(member(object, "source", std::string()));
    const auto destination = IpAddress::parse(member(object, "destination", std::string()));
    if (!source || !destination || source->family != destination->family) {
        return std::nullopt;
    }
    BlockedPacket blocked;
    blocked.time = member(object, "time", std::string());
    blocked.reason = member(object, "reason", std::string());
    const std::string direction = member(object, "direction", std::string());
    blocked.direction = direction == "in"        ? Direction::in
                        : direction == "forward" ? Direction::forward
                                                 : Direction::out;
    PacketView& packet = blocked.packet;
    packet.source = *source;
    packet.destination = *destination;
    packet.protocol = member(object, "protocol", packet.protocol);
    packet.source_port = member(object, "source_port", packet.source_port);
    packet.destination_port = member(object, "destination_port", packet.destination_port);
    packet.icmp_type = member(object, "icmp_type", packet.icmp_type);
    packet.later_fragment = member(object, "later_fragment", false);
    packet.in_interface = member(object, "in_interface", std::string());
    packet.out_interface = member(object, "out_interface", std::string());
    packet.mark = member(object, "mark", packet.mark);
    packet.uid = optional_in(object, "uid");
    packet.gid = optional_in(object, "gid");
    packet.tcp_opening = packet.protocol == proto::kTcp;
    return blocked;
}

}  // namespace ks
