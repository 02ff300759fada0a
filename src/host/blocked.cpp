// SPDX-License-Identifier: GPL-2.0-or-later
#include "blocked.hpp"

#include <utility>

namespace ks {

namespace {

void name_interface(const std::optional<LinkTable>& links, int index, std::string& name,
                    std::string& kind) {
    if (!links) {
        return;
    }
    if (const auto link = links->find(index); link != links->end()) {
        name = link->second.name;
        kind = link->second.kind;
    }
}

}  // namespace

BlockedPacket blocked_packet(LoggedPacket logged, const std::optional<LinkTable>& links,
                             std::string time) {
    PacketView& packet = logged.packet;
    name_interface(links, logged.in_index, packet.in_interface, packet.in_kind);
    name_interface(links, logged.out_index, packet.out_interface, packet.out_kind);
    const Direction direction = packet.hook == Hook::input ? Direction::in
                                : logged.in_index != 0     ? Direction::forward
                                                           : Direction::out;
    return {std::move(time), std::move(logged.prefix), direction, std::move(packet)};
}

void RecentlyBlocked::add(const std::vector<BlockedPacket>& packets) {
    packets_.insert(packets_.end(), packets.begin(), packets.end());
    if (packets_.size() > kMost) {
        const auto surplus = static_cast<std::ptrdiff_t>(packets_.size() - kMost);
        packets_.erase(packets_.begin(), packets_.begin() + surplus);
    }
}

}  // namespace ks
