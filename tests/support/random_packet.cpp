// SPDX-License-Identifier: GPL-2.0-or-later
#include "random_packet.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace ks::test {

namespace {

constexpr const char* kLoopback = "lo";

IpFamily other(IpFamily family) {
    return family == IpFamily::v4 ? IpFamily::v6 : IpFamily::v4;
}

bool has_ports(std::uint8_t protocol) {
    return protocol == proto::kTcp || protocol == proto::kUdp;
}

bool is_local(const IpAddress& where) {
    return std::ranges::find(local_addresses(), where) != local_addresses().end();
}

bool is_multicast(const IpAddress& where) {
    return where.family == IpFamily::v4 ? where.bytes[0] >= 224 && where.bytes[0] < 240
                                        : where.bytes[0] == 0xff;
}

bool is_broadcast(const IpAddress& where) {
    return where == address("255.255.255.255");
}

/// An address that routers pass on and nobody has: the source of what arrives.
bool is_remote_host(const IpAddress& where) {
    if (is_local(where)) {
        return false;
    }
    return where.family == IpFamily::v4
               ? where.bytes[0] != 0 && where.bytes[0] != 127 && where.bytes[0] < 224
               : (where.bytes[0] & 0xe0U) == 0x20 || (where.bytes[0] & 0xfeU) == 0xfc;
}

/// Where a socket that is bound to a device can send to.
bool is_reachable(const IpAddress& where) {
    const bool link_local =
        where.family == IpFamily::v6 && where.bytes[0] == 0xfe && where.bytes[1] == 0x80;
    // Source: RFC 4291, section 2.7: scopes below the link never leave the host.
    const bool useful_scope = where.family == IpFamily::v4 || (where.bytes[1] & 0x0fU) >= 2;
    return is_remote_host(where) || is_broadcast(where) || link_local ||
           (is_multicast(where) && useful_scope);
}

}  // namespace

const std::vector<IpAddress>& local_addresses() {
    static const std::vector<IpAddress> all{address("127.0.0.1"),       address("192.0.2.77"),
                                            address("10.99.0.77"),      address("::1"),
                                            address("2001:db8:77::77"), address("fd77::77")};
    return all;
}

const std::string& forwarded_to(const std::string& device) {
    const auto found = std::ranges::find(devices(), device);
    const auto next = static_cast<std::size_t>(found - devices().begin()) + 1;
    return devices()[next % devices().size()];
}

PacketView PacketMaker::blank() {
    static const std::vector<std::uint8_t> protocols{
        proto::kUdp,  proto::kUdp,    proto::kTcp, proto::kTcp,
        proto::kIcmp, proto::kIcmpv6, proto::kEsp, 47};
    static const std::vector<std::uint8_t> types{0, 1, 3, 8, 128, 129, 133, 134, 135, 136};
    static const std::vector<std::uint8_t> hop_limits{255, 254, 64};
    PacketView packet;
    const std::size_t hook = dice_.below(10);
    packet.hook = hook < 5 ? Hook::output : hook < 8 ? Hook::input : Hook::forward;
    packet.in_interface = dice_.pick(devices());
    packet.out_interface = dice_.chance(10) ? kLoopback : dice_.pick(devices());
    const IpFamily family = dice_.chance(60) ? IpFamily::v4 : IpFamily::v6;
    packet.source = random_address(dice_, family);
    packet.destination = random_address(dice_, family);
    if (dice_.chance(8)) {
        packet.destination = address(family == IpFamily::v6 ? "ff02::2"
                                     : dice_.chance(50)     ? "224.0.0.251"
                                                            : "255.255.255.255");
    }
    packet.protocol = dice_.pick(protocols);
    packet.source_port = random_port(dice_);
    packet.destination_port = random_port(dice_);
    packet.icmp_type = dice_.pick(types);
    packet.hop_limit = dice_.pick(hop_limits);
    packet.tcp_opening = dice_.chance(50);
    packet.mark = dice_.chance(50) ? 0 : random_mark(dice_);
    const Sender& sender = dice_.pick(senders_);
    packet.uid = sender.uid;
    packet.gid = sender.gid;
    packet.cgroups = sender.cgroups;
    return packet;
}

void PacketMaker::fit(PacketView& packet, const Match& match) {
    const auto inside = [&](const Prefix& prefix) {
        IpAddress chosen = prefix.address;
        for (std::uint8_t bit = prefix.length; bit < chosen.bits(); ++bit) {
            if (dice_.chance(50)) {
                chosen.bytes[bit / 8U] ^= static_cast<std::uint8_t>(0x80U >> (bit % 8U));
            }
        }
        return chosen;
    };
    const auto family = [&](IpFamily wanted) {
        if (packet.source.family != wanted) {
            packet.source = random_address(dice_, wanted);
            packet.destination = random_address(dice_, wanted);
        }
    };
    const auto named = [&](const std::string& pattern, bool negated) {
        std::vector<std::string> fitting;
        std::ranges::copy_if(devices(), std::back_inserter(fitting), [&](const std::string& name) {
            return interface_matches(pattern, name) != negated;
        });
        return fitting.empty() ? dice_.pick(devices()) : dice_.pick(fitting);
    };
    const auto grouped = [&](std::uint32_t group, bool negated) {
        std::vector<std::string> fitting;
        std::ranges::copy_if(devices(), std::back_inserter(fitting), [&](const std::string& name) {
            return (group_of(name) == group) != negated;
        });
        return fitting.empty() ? dice_.pick(devices()) : dice_.pick(fitting);
    };
    std::visit(
        Overloaded{
            [&](const match::InInterface& m) { packet.in_interface = named(m.name, m.negated); },
            [&](const match::OutInterface& m) { packet.out_interface = named(m.name, m.negated); },
            [&](const match::InKind&) {},  // See kind_of().
            [&](const match::OutKind&) {},
            [&](const match::InGroup& m) { packet.in_interface = grouped(m.group, m.negated); },
            [&](const match::OutGroup& m) { packet.out_interface = grouped(m.group, m.negated); },
            [&](const match::Carried&) {},
            [&](const match::InLoopback&) { packet.in_interface = kLoopback; },
            [&](const match::OutLoopback&) { packet.out_interface = kLoopback; },
            [&](const match::Family& m) { family(m.family); },
            [&](const match::Source& m) { packet.source = inside(m.prefix); },
            [&](const match::Destination& m) { packet.destination = inside(m.prefix); },
            [&](const match::Protocol& m) { packet.protocol = m.number; },
            [&](const match::SourcePort& m) { packet.source_port = m.ports.first; },
            [&](const match::DestinationPort& m) { packet.destination_port = m.ports.first; },
            [&](const match::IcmpType& m) { packet.icmp_type = m.type; },
            [&](const match::IcmpCode& m) { packet.icmp_code = m.code; },
            [&](const match::InnerDestination& m) { packet.inner_destination = m.address; },
            [&](const match::CtEstablished&) {},  // What conntrack knows is not in one packet.
            [&](const match::CtReply&) {},
            [&](const match::Translated&) {},
            [&](const match::ArpTarget&) {},
            [&](const match::EtherType&) {},
            [&](const match::VlanId&) {},
            [&](const match::SpanningTree&) {},
            [&](const match::LaterFragment&) {},
            [&](const match::ToEncrypt&) {},  // The kernel has no keys to do it with.
            [&](const match::Decrypted&) {},
            [&](const match::HopLimit& m) { packet.hop_limit = m.value; },
            [&](const match::TcpNotOpening&) { packet.tcp_opening = false; },
            [&](const match::TcpFlags&) {},
            [&](const match::Mark& m) {
                packet.mark = m.negated ? random_mark(dice_)
                                        : m.value | (dice_.number<std::uint32_t>() & ~m.mask);
            },
            [&](const match::User& m) { packet.uid = m.uid; },
            [&](const match::Group& m) { packet.gid = m.gid; },
            [&](const match::HasUser&) {},
            [&](const match::Cgroup& m) {
                std::vector<Sender> inside_it;
                std::ranges::copy_if(senders_, std::back_inserter(inside_it), [&](const auto& s) {
                    return std::ranges::find(s.cgroups, m.id) != s.cgroups.end();
                });
                if (!inside_it.empty()) {
                    packet.cgroups = dice_.pick(inside_it).cgroups;
                }
            },
            [&](const match::InSet& m) {
                if (m.key.of == SetKey::Of::flow) {
                    return;  // The kernel fills it.
                }
                if (m.key.of == SetKey::Of::packet_type) {
                    return;  // Every packet is of one.
                }
                const auto set = std::ranges::find(ruleset_.sets, m.set, &Set::name);
                const bool to = m.far == match::InSet::Far::destination;
                if (m.key.of == SetKey::Of::user && set != ruleset_.sets.end()) {
                    packet.uid = dice_.pick(set->timed).value;
                    return;
                }
                if (set != ruleset_.sets.end() && !set->networks.empty()) {
                    const LinkNetwork& element = dice_.pick(set->networks);
                    if (m.key.of != SetKey::Of::network) {
                        (to ? packet.out_interface : packet.in_interface) =
                            named(element.interface, /*negated=*/false);
                    }
                    if (m.key.of != SetKey::Of::interface) {
                        (to ? packet.destination : packet.source) =
                            inside({element.network.address, m.key.length});
                    }
                    return;
                }
                if (set == ruleset_.sets.end() || set->elements.empty()) {
                    return;
                }
                const Endpoint& element = dice_.pick(set->elements);
                (to ? packet.destination : packet.source) = element.address;
                if (m.key.of == SetKey::Of::endpoint) {
                    packet.protocol = element.protocol;
                    (to ? packet.destination_port : packet.source_port) = element.port;
                }
            },
        },
        match);
}

void PacketMaker::fit(PacketView& packet, const Chain& chain) {
    if (chain.rules.empty()) {
        return;
    }
    const Rule& rule = dice_.pick(chain.rules);
    for (const Match& match : rule.matches) {
        fit(packet, match);
    }
    const auto target = std::ranges::find(ruleset_.chains, rule.target, &Chain::name);
    if (target != ruleset_.chains.end() && dice_.chance(80)) {
        fit(packet, *target);
    }
}

/// The judge of the kernel has devices of one kind.
std::string PacketMaker::kind_of(const std::string& interface) {
    return interface.empty() || interface == kLoopback ? "" : "tun";
}

void PacketMaker::bend(IpAddress& where) {
    const std::size_t last = where.bits() - 1U;
    const std::size_t bit = dice_.chance(50) ? last : dice_.below(where.bits());
    where.bytes[bit / 8U] ^= static_cast<std::uint8_t>(0x80U >> (bit % 8U));
}

void PacketMaker::bend(PacketView& packet) {
    const auto step = [&](auto value) {
        using Number = decltype(value);
        return static_cast<Number>(dice_.chance(50) ? value + 1 : value - 1);
    };
    switch (dice_.below(14)) {
    case 0:
        return bend(packet.source);
    case 1:
        return bend(packet.destination);
    case 2:
        packet.source_port = step(packet.source_port);
        return;
    case 3:
        packet.destination_port = step(packet.destination_port);
        return;
    case 4:
        packet.hop_limit = packet.hop_limit == 255 ? 254 : 255;
        return;
    case 5:
        packet.icmp_type = step(packet.icmp_type);
        return;
    case 6:
        packet.tcp_opening = !packet.tcp_opening;
        return;
    case 7:
        packet.mark ^= 1U << dice_.below(32);
        return;
    case 8:
        packet.uid = dice_.pick(identities());
        return;
    case 9:
        packet.gid = dice_.pick(identities());
        return;
    case 10:
        packet.protocol = packet.protocol == proto::kTcp ? proto::kUdp : proto::kTcp;
        return;
    case 11:
        packet.icmp_code = step(packet.icmp_code);
        return;
    case 12:
        if (packet.inner_destination) {
            bend(*packet.inner_destination);
        }
        return;
    default:
        packet.in_interface = dice_.pick(devices());
        packet.out_interface = dice_.pick(devices());
    }
}

void PacketMaker::make_routable_output(PacketView& packet) {
    packet.in_interface.clear();
    if (packet.out_interface == kLoopback) {
        if (packet.destination.family == IpFamily::v6) {
            packet.destination = address("::1");
        } else if (!is_remote_host(packet.destination)) {
            packet.destination = address("127.0.0.1");
        }
    } else if (!is_reachable(packet.destination)) {
        packet.destination = random_address(dice_, packet.destination.family);
    }
    // Only ids that a socket was made under; the kernel shows all three or none.
    std::vector<Sender> same;
    std::ranges::copy_if(senders_, std::back_inserter(same), [&](const Sender& sender) {
        return sender.uid == packet.uid && sender.gid == packet.gid &&
               sender.cgroups == packet.cgroups;
    });
    const Sender& sender = same.empty() ? dice_.pick(senders_) : same.front();
    packet.uid = sender.uid;
    packet.gid = sender.gid;
    packet.cgroups = sender.cgroups;
}

void PacketMaker::make_arriving(PacketView& packet) {
    const IpFamily family = packet.source.family;
    packet.mark = 0;
    packet.uid.reset();
    packet.gid.reset();
    packet.cgroups.clear();
    if (!is_remote_host(packet.source)) {
        packet.source = random_address(dice_, family);
    }
    if (packet.hook == Hook::forward) {
        if (packet.in_interface == kLoopback) {
            packet.in_interface = dice_.pick(devices());
        }
        packet.out_interface = forwarded_to(packet.in_interface);
        const bool v4_link_local = family == IpFamily::v4 && packet.destination.bytes[0] == 169;
        if (!is_remote_host(packet.destination) || v4_link_local) {
            packet.destination = address(family == IpFamily::v4 ? "8.8.8.8" : "2620:fe::fe");
        }
        return;
    }
    packet.out_interface.clear();
    const bool v4 = family == IpFamily::v4;
    if (packet.in_interface == kLoopback) {
        packet.source = packet.destination = address(v4 ? "127.0.0.1" : "::1");
    } else if (v4) {
        packet.destination = address(dice_.chance(50) ? "192.0.2.77" : "10.99.0.77");
    } else {
        packet.destination = address(dice_.chance(50) ? "2001:db8:77::77" : "fd77::77");
    }
}

void PacketMaker::make_routable(PacketView& packet) {
    if (packet.source.family != packet.destination.family) {
        packet.source = random_address(dice_, packet.destination.family);
    }
    if (packet.source == IpAddress{IpFamily::v4, {}}) {
        packet.source = random_address(dice_, IpFamily::v4);  // The kernel would fill it in.
    }
    if (packet.hook == Hook::output) {
        make_routable_output(packet);
    } else {
        make_arriving(packet);
    }
    if (!has_ports(packet.protocol)) {
        packet.source_port = packet.destination_port = 0;
    }
    if (packet.protocol != proto::kIcmp && packet.protocol != proto::kIcmpv6) {
        packet.icmp_type = packet.icmp_code = 0;
        packet.inner_destination.reset();
    }
    if (packet.inner_destination && packet.inner_destination->family != packet.source.family) {
        packet.inner_destination.reset();
    }
    packet.tcp_opening = packet.tcp_opening && packet.protocol == proto::kTcp;
}

void PacketMaker::finish(PacketView& packet) {
    make_routable(packet);
    packet.in_kind = kind_of(packet.in_interface);
    packet.out_kind = kind_of(packet.out_interface);
    packet.in_group = group_of(packet.in_interface);
    packet.out_group = group_of(packet.out_interface);
}

PacketView PacketMaker::make() {
    PacketView packet = blank();
    if (dice_.chance(90)) {
        const auto chain = std::ranges::find(ruleset_.chains, packet.hook, &Chain::hook);
        if (chain != ruleset_.chains.end()) {
            fit(packet, *chain);
        }
        if (dice_.chance(45)) {
            bend(packet);
        }
    }
    if (dice_.chance(3)) {
        packet.source = random_address(dice_, other(packet.source.family));
        packet.destination = random_address(dice_, packet.source.family);
    }
    finish(packet);
    return packet;
}

PacketView PacketMaker::answer_to(const PacketView& sent) {
    PacketView packet = blank();
    packet.hook = Hook::input;
    packet.in_interface = dice_.chance(80) ? sent.out_interface : dice_.pick(devices());
    packet.source = sent.destination;
    packet.destination = random_address(dice_, sent.source.family);
    packet.protocol = sent.protocol;
    packet.source_port = sent.destination_port;
    packet.destination_port = sent.source_port;
    packet.tcp_opening = false;
    if (dice_.chance(30)) {
        bend(packet);
    }
    finish(packet);
    return packet;
}

}  // namespace ks::test
