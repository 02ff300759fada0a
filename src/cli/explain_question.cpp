// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain_question.hpp"

#include "killswitchd/accounts.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/net.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <unistd.h>

namespace ks::cli {

namespace {

constexpr std::uint16_t kAnyClientPort = 49152;  ///< Of those that nobody listens on.
constexpr std::uint8_t kEchoRequest = 8;
constexpr std::uint8_t kEchoRequest6 = 128;

template <class Number>
std::optional<Number> number_in(std::string_view text) {
    const int base = text.starts_with("0x") ? 16 : 10;
    text.remove_prefix(base == 16 ? 2 : 0);
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    const bool all = error == std::errc{} && end == text.data() + text.size();
    return all ? std::optional(number) : std::nullopt;
}

struct Target {
    IpAddress address;
    std::uint16_t port = 0;
};

/// "ADDR", "ADDR4:PORT" or "[ADDR6]:PORT".
std::optional<Target> target_in(std::string_view text) {
    if (const auto whole = IpAddress::parse(text)) {
        return Target{*whole, 0};
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    const auto address = IpAddress::parse(host);
    const auto port = number_in<std::uint16_t>(text.substr(colon + 1));
    return address && port && *port != 0 ? std::optional(Target{*address, *port}) : std::nullopt;
}

std::optional<std::uint8_t> protocol_in(const std::string& word, IpFamily family) {
    if (word == "icmp" || word == "ping") {
        return family == IpFamily::v4 ? proto::kIcmp : proto::kIcmpv6;
    }
    if (word == "tcp" || word == "udp") {
        return word == "tcp" ? proto::kTcp : proto::kUdp;
    }
    return word == "esp" ? proto::kEsp : number_in<std::uint8_t>(word);
}

/// The ids of a cgroup and of those that it is in, from the top.
Result<std::vector<std::uint64_t>> cgroups_above(const std::string& path) {
    std::vector<std::uint64_t> ids;
    for (std::size_t end = 0; end != std::string::npos;) {
        end = path.find('/', end == 0 ? 0 : end + 1);
        const auto id = cgroup_id(path.substr(0, end));
        if (!id) {
            return id.error();
        }
        ids.push_back(*id);
    }
    return ids;
}

Status add_sender(const Options::Packet& typed, PacketView& packet) {
    const NameLookup names = system_names();
    const auto account = [](const std::string& name, const auto& lookup) {
        const auto number = number_in<std::uint32_t>(name);
        return number ? number : lookup(name);
    };
    packet.uid = typed.user.empty() ? std::optional(::geteuid()) : account(typed.user, names.uid);
    packet.gid = typed.group.empty() ? std::optional(::getegid()) : account(typed.group, names.gid);
    if (!packet.uid || !packet.gid) {
        return Error{fmt::format("there is no {} '{}'", packet.uid ? "group" : "user",
                                 packet.uid ? typed.group : typed.user)};
    }
    const auto mark =
        typed.mark.empty() ? std::optional(std::uint32_t{0}) : number_in<std::uint32_t>(typed.mark);
    if (!mark) {
        return Error{fmt::format("'{}' is no mark; write a number such as 0xca6c", typed.mark)};
    }
    packet.mark = *mark;
    if (!typed.cgroup.empty()) {
        auto ids = cgroups_above(typed.cgroup);
        if (!ids) {
            return Error{ids.error().message()};
        }
        packet.cgroups = *std::move(ids);
    }
    return Done{};
}

void set_ports(PacketView& packet, std::uint16_t port) {
    packet.source_port = kAnyClientPort;
    packet.destination_port = port;
    packet.tcp_opening = packet.protocol == proto::kTcp;
    if (packet.protocol == proto::kIcmp || packet.protocol == proto::kIcmpv6) {
        packet.icmp_type = packet.protocol == proto::kIcmp ? kEchoRequest : kEchoRequest6;
    }
}

}  // namespace

Result<Question> parse_question(const Options::Packet& typed) {
    const auto target = target_in(typed.target);
    if (!target) {
        return Error{fmt::format("'{}' is no address; write 192.0.2.1:443 or [2001:db8::1]:443",
                                 typed.target)};
    }
    const auto protocol = protocol_in(typed.protocol, target->address.family);
    if (!protocol) {
        return Error{
            fmt::format("'{}' is no protocol; write tcp, udp, icmp or a number", typed.protocol)};
    }
    if ((*protocol == proto::kTcp || *protocol == proto::kUdp) != (target->port != 0)) {
        return Error{target->port == 0
                         ? fmt::format("{} needs a port: {}:443", typed.protocol, typed.target)
                         : fmt::format("{} has no ports", typed.protocol)};
    }
    Question question;
    PacketView& packet = question.packet;
    packet.protocol = *protocol;
    set_ports(packet, target->port);
    (typed.in ? packet.source : packet.destination) = target->address;
    if (typed.in) {
        question.direction = Direction::in;
        return question;
    }
    if (typed.from.empty()) {
        auto sender = add_sender(typed, packet);
        return sender ? Result(std::move(question)) : Result<Question>(sender.error());
    }
    const auto guest = IpAddress::parse(typed.from);
    if (!guest || guest->family != target->address.family) {
        return Error{fmt::format("'{}' is no address of a guest of the same family", typed.from)};
    }
    question.direction = Direction::forward;
    packet.source = *guest;
    return question;
}

Result<Question> routed(Question question) {
    PacketView& packet = question.packet;
    RouteQuestion ask;
    ask.destination = question.direction == Direction::in ? packet.source : packet.destination;
    if (question.direction == Direction::out) {
        ask.protocol = packet.protocol;
        ask.source_port = packet.source_port;
        ask.destination_port = packet.destination_port;
        ask.mark = packet.mark;
        ask.uid = packet.uid;
    }
    if (question.direction == Direction::forward) {
        RouteQuestion back;
        back.destination = packet.source;
        auto guest = find_route(back);
        if (!guest) {
            return std::move(guest).error();
        }
        packet.in_interface = guest->interface;
        ask.source = packet.source;
        ask.in_interface = guest->interface;
    }
    auto route = find_route(ask);
    if (!route) {
        return std::move(route).error();
    }
    question.route = *std::move(route);
    (question.direction == Direction::in ? packet.in_interface : packet.out_interface) =
        question.route.interface;
    if (question.direction != Direction::forward) {
        IpAddress& own = question.direction == Direction::in ? packet.destination : packet.source;
        own = question.route.source.value_or(ask.destination);
    }
    return question;
}

}  // namespace ks::cli
