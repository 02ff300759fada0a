// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/chatter.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "services.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <net/if.h>
#include <netinet/ip.h>
#include <sys/fsuid.h>

namespace ks::lab {
namespace {

bool is_multicast(const IpAddress& address) {
    return address.family == IpFamily::v6 ? address.bytes[0] == 0xff
                                          : (address.bytes[0] & 0xf0) == 0xe0;
}

int socket_type(Packet packet) {
    switch (packet) {
    case Packet::tcp:
    case Packet::dns_tcp:
        return SOCK_STREAM;
    case Packet::udp:
    case Packet::dns_udp:
        return SOCK_DGRAM;
    case Packet::icmp:
    case Packet::raw:
        return SOCK_RAW;
    }
    return SOCK_DGRAM;
}

int socket_protocol(const Probe& probe) {
    if (probe.packet == Packet::raw) {
        return IPPROTO_RAW;
    }
    if (probe.packet != Packet::icmp) {
        return 0;
    }
    return probe.to.family == IpFamily::v4 ? proto::kIcmp : proto::kIcmpv6;
}

/// UDP in IPv4 with a header of our own; the kernel adds source, length and checksum.
std::string raw_udp(const Probe& probe, std::uint32_t tag) {
    std::string packet(28, '\0');
    packet[0] = 0x45;
    packet[8] = 64;
    packet[9] = static_cast<char>(proto::kUdp);
    std::copy_n(probe.to.bytes.begin(), 4, packet.begin() + 16);
    packet[20] = static_cast<char>(0xc0);
    packet[22] = static_cast<char>(probe.port >> 8);
    packet[23] = static_cast<char>(probe.port & 0xff);
    packet += tag_text(tag);
    const std::size_t udp_bytes = packet.size() - 20;
    packet[25] = static_cast<char>(udp_bytes);
    return packet;
}

std::string payload_of(const Probe& probe, std::uint32_t tag) {
    switch (probe.packet) {
    case Packet::icmp:
        return icmp_echo(probe.to.family, tag_text(tag));
    case Packet::raw:
        return raw_udp(probe, tag);
    case Packet::dns_udp:
        return dns_query(tag_text(tag));
    case Packet::udp:
    case Packet::tcp:
    case Packet::dns_tcp:
        return tag_text(tag);
    }
    return {};
}

std::uint16_t local_port(int fd) {
    SocketAddress own;
    return getsockname(fd, own.get(), &own.size) == 0 ? own.port() : std::uint16_t{0};
}

/// Binds as the probe wants it. \return 0 or errno.
int prepare_socket(int fd, const Probe& probe, const std::string& uplink) {
    if (probe.via == Via::uplink && !bind_to_device(fd, uplink)) {
        return errno;
    }
    const bool broadcast = probe.to == ip("255.255.255.255");
    if (broadcast && !set_option(fd, SOL_SOCKET, SO_BROADCAST, 1)) {
        return errno;
    }
    return 0;
}

Shot shoot(const Probe& probe, const std::string& uplink) {
    Shot shot{probe, next_tag(), 0, 0};
    const ActAs sender(probe.sender);
    const Fd fd(socket(domain_of(probe.to),
                       socket_type(probe.packet) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                       socket_protocol(probe)));
    if (!fd) {
        shot.local_errno = errno;
        return shot;
    }
    shot.local_errno = prepare_socket(fd.get(), probe, uplink);
    if (shot.local_errno != 0) {
        return shot;
    }
    const std::uint32_t scope =
        probe.via == Via::uplink && is_multicast(probe.to) ? if_nametoindex(uplink.c_str()) : 0;
    const bool raw = socket_type(probe.packet) == SOCK_RAW;
    const SocketAddress to(probe.to, raw ? std::uint16_t{0} : probe.port, scope);
    if (socket_type(probe.packet) == SOCK_STREAM) {
        const bool begun = connect(fd.get(), to.get(), to.size) == 0 || errno == EINPROGRESS;
        shot.local_errno = begun ? 0 : errno;
        shot.source_port = local_port(fd.get());
        return shot;
    }
    const std::string payload = payload_of(probe, shot.tag);
    if (sendto(fd.get(), payload.data(), payload.size(), 0, to.get(), to.size) < 0) {
        shot.local_errno = errno;
    }
    return shot;
}

}  // namespace

std::uint32_t next_tag() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
}

ActAs::ActAs(const Sender& sender)
    : user_(setfsuid(sender.user.value_or(static_cast<std::uint32_t>(-1)))),
      group_(setfsgid(sender.group.value_or(static_cast<std::uint32_t>(-1)))) {}

ActAs::~ActAs() {
    setfsgid(static_cast<gid_t>(group_));
    setfsuid(static_cast<uid_t>(user_));
}

std::vector<Shot> fire(const Lab& lab, const Node& from, std::span<const Probe> probes) {
    return from.inside([&] {
        std::vector<Shot> shots;
        for (const Probe& probe : probes) {
            shots.push_back(shoot(probe, lab.uplink(0)));
        }
        return shots;
    });
}

Result<std::vector<Outcome>> probe_round(Lab& lab, const Node& from,
                                         std::span<const Probe> probes) {
    const std::size_t before = lab.capture().size();
    const std::vector<Shot> shots = fire(lab, from, probes);
    if (auto settled = lab.capture().settle(); !settled) {
        return std::move(settled).error();
    }
    return judge(shots, lab.capture().since(before));
}

}  // namespace ks::lab
