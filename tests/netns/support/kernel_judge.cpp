// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_judge.hpp"

#include "wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/fsuid.h>
#include <sys/socket.h>

namespace ks::test {

namespace {

constexpr const char* kLoopback = "lo";

/// Marks that send a packet to one device, and then, by our chain `reroute`, to another: the last
/// two digits are their numbers.
constexpr std::uint32_t kToReroute = 0x7700;
constexpr std::uint32_t kRerouted = 0x7800;

std::uint32_t number_of(const std::string& device) {
    const auto found = std::ranges::find(devices(), device);
    return static_cast<std::uint32_t>(found - devices().begin()) + 1;
}

[[noreturn]] void broken(const std::string& what) {
    throw std::runtime_error(fmt::format("the test's namespace is wrong: {}", what));
}

void set(const std::string& key, const char* value) {
    std::ofstream file(fmt::format("/proc/sys/net/{}", key));
    file << value;
}

Fd raw_socket(IpFamily family, int protocol) {
    const int domain = family == IpFamily::v4 ? AF_INET : AF_INET6;
    Fd fd{::socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)};
    if (!fd) {
        broken(fmt::format("no raw socket: {}", std::strerror(errno)));
    }
    return fd;
}

/// IPPROTO_RAW: the headers are ours, and nothing is ever received.
Fd sending_socket(IpFamily family) {
    Fd fd = raw_socket(family, IPPROTO_RAW);
    const int one = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
    return fd;
}

ssize_t send_to(int fd, const std::string& bytes, const IpAddress& where, const std::string& by) {
    if (where.family == IpFamily::v4) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        std::memcpy(&to.sin_addr, where.bytes.data(), where.size());
        return ::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to),
                        sizeof(to));
    }
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, where.bytes.data(), where.size());
    to.sin6_scope_id = ::if_nametoindex(by.c_str());
    return ::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to),
                    sizeof(to));
}

/// Whether a packet as long as `sent` left by `device`; the kernel's errors quote it, and are
/// longer.
bool left_by(const Tun& device, const std::string& sent, std::uint32_t tag) {
    bool found = false;
    for (std::string packet = device.next(); !packet.empty(); packet = device.next()) {
        found = found || (packet.size() == sent.size() && has_tag(packet, tag));
    }
    return found;
}

}  // namespace

KernelJudge::KernelJudge(const Cgroups& cgroups) {
    set("ipv6/conf/default/addr_gen_mode", "1");
    set("ipv6/conf/default/accept_dad", "0");
    for (const char* const scope : {"all", "default"}) {
        set(fmt::format("ipv4/conf/{}/rp_filter", scope), "0");
        set(fmt::format("ipv6/conf/{}/accept_redirects", scope), "0");
    }
    set("ipv4/ip_forward", "1");
    set("ipv6/conf/all/forwarding", "1");
    for (const std::string& device : devices()) {
        tuns_.emplace(device, Tun(device));
    }
    // Order in which random packets come must not matter: each is judged alone. The rule that asks
    // for a state keeps connection tracking loaded, for which the kernel waits whenever it goes.
    if (const Output off = run_with_input("nft -f -", "table inet untracked {\n"
                                                      " chain in { type filter hook prerouting "
                                                      "priority raw; notrack; ct state new; }\n"
                                                      " chain out { type filter hook output "
                                                      "priority raw; notrack; }\n"
                                                      " chain reroute { type route hook output "
                                                      "priority mangle; meta mark & 0xffffff00 == "
                                                      "0x7700 meta mark set meta mark & 0x0f | "
                                                      "0x7800; }\n}\n");
        off.status != 0) {
        broken(off.text);
    }
    add_routes();
    add_senders(cgroups);
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        for (const int protocol : {1, 6, 17, 47, 50, 58}) {
            receivers_.emplace(std::pair(family, static_cast<std::uint8_t>(protocol)),
                               raw_socket(family, protocol));
        }
    }
}

void KernelJudge::add_routes() {
    std::vector<std::string> addresses;
    std::vector<std::string> routes;
    for (const IpAddress& own : local_addresses()) {
        if (own != address("127.0.0.1") && own != address("::1")) {
            addresses.push_back(fmt::format("addr add {}/{} dev lo", own.str(), own.bits()));
        }
    }
    int number = 100;
    for (const std::string& device : devices()) {
        ++number;
        addresses.push_back(fmt::format("addr add fe80::{}/64 dev {} nodad", number, device));
        addresses.push_back(fmt::format("link set dev {} group {}", device, group_of(device)));
        routes.push_back(fmt::format("route add default dev {} metric {}", device, number));
        routes.push_back(
            fmt::format("route add default dev {} table {}", forwarded_to(device), number));
        routes.push_back(fmt::format("rule add iif {} lookup {}", device, number));
        const std::uint32_t own = number_of(device);
        const std::uint32_t table = 200 + own;
        routes.push_back(fmt::format("route add default dev {} table {}", device, table));
        routes.push_back(fmt::format("rule add fwmark 0x{:x}/0xfffffff0 lookup {}",
                                     kToReroute | own << 4U, table));
        routes.push_back(fmt::format("rule add fwmark 0x{:x} lookup {}", kRerouted | own, table));
    }
    ip(addresses);
    ip(routes, "-4");
    ip(routes, "-6");
}

void KernelJudge::add_senders(const Cgroups& cgroups) {
    std::vector<std::string> paths{""};
    for (const auto& [path, id] : cgroups.ids()) {
        paths.push_back(path);
    }
    for (const std::string& path : paths) {
        if (!path.empty()) {
            cgroups.enter(path);
        }
        for (const std::uint32_t uid : identities()) {
            for (const std::uint32_t gid : identities()) {
                ::setfsgid(gid);
                ::setfsuid(uid);
                // Returns what was in force before: the only way to ask.
                const bool ours = static_cast<std::uint32_t>(::setfsuid(uid)) == uid &&
                                  static_cast<std::uint32_t>(::setfsgid(gid)) == gid;
                if (ours) {
                    sockets_.push_back(
                        {sending_socket(IpFamily::v4), sending_socket(IpFamily::v6)});
                    senders_.push_back({uid, gid, cgroups.levels(path)});
                }
                ::setfsuid(0);
                ::setfsgid(0);
            }
        }
    }
    if (paths.size() > 1) {
        cgroups.enter("");
    }
}

bool KernelJudge::passes(const PacketView& packet) {
    ++tag_;
    switch (packet.hook) {
    case Hook::input:
        return passes_input(packet);
    case Hook::forward:
        return passes_forward(packet);
    case Hook::output:
        return passes_output(packet, packet.mark, packet.out_interface);
    case Hook::postrouting:
    case Hook::arp_input:
    case Hook::egress:
        break;
    }
    broken("not an IP packet");
}

bool KernelJudge::passes_rerouted(PacketView& packet, const std::string& first) {
    ++tag_;
    const std::uint32_t to = number_of(packet.out_interface);
    packet.mark = kRerouted | to;
    return passes_output(packet, kToReroute | number_of(first) << 4U | to, {});
}

bool KernelJudge::passes_output(const PacketView& packet, std::uint32_t mark,
                                const std::string& bound) {
    const std::string& device = packet.hook == Hook::input ? bound : packet.out_interface;
    const auto sender = std::ranges::find_if(senders_, [&](const Sender& s) {
        return !packet.uid ||
               (s.uid == packet.uid && s.gid == packet.gid && s.cgroups == packet.cgroups);
    });
    if (sender == senders_.end()) {
        broken("no such sender");
    }
    const Sockets& pair = sockets_[static_cast<std::size_t>(sender - senders_.begin())];
    const bool v4 = packet.source.family == IpFamily::v4;
    const int fd = v4 ? pair.v4.get() : pair.v6.get();
    if (::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0 ||
        ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bound.data(),
                     static_cast<socklen_t>(bound.size())) != 0) {
        broken(fmt::format("cannot prepare a socket: {}", std::strerror(errno)));
    }
    const auto out = tuns_.find(device);
    if (out != tuns_.end()) {
        out->second.drain();
    }
    const std::string bytes = wire(packet, tag_);
    if (send_to(fd, bytes, packet.destination, bound) >= 0) {
        // What the device's own chain drops counts as sent. Source: Linux net/ipv4/raw.c, ENOBUFS.
        return out == tuns_.end() || left_by(out->second, bytes, tag_);
    }
    if (errno != EPERM) {
        broken(fmt::format("cannot send to {} by {}: {}", packet.destination.str(), device,
                           std::strerror(errno)));
    }
    return false;
}

bool KernelJudge::passes_input(const PacketView& packet) {
    const Fd& receiver = receivers_.at({packet.source.family, packet.protocol});
    if (packet.in_interface != kLoopback) {
        tuns_.at(packet.in_interface).inject(wire(packet, tag_));
    } else if (!passes_output(packet, packet.mark, kLoopback)) {
        broken("loopback output is refused");
    }
    std::array<char, 2048> buffer{};
    bool found = false;
    for (ssize_t got = 1; got > 0;) {
        got = ::recv(receiver.get(), buffer.data(), buffer.size(), 0);
        found = found || (got > 0 && has_tag({buffer.data(), static_cast<std::size_t>(got)}, tag_));
    }
    return found;
}

bool KernelJudge::passes_forward(const PacketView& packet) {
    const Tun& out = tuns_.at(packet.out_interface);
    out.drain();
    const std::string bytes = wire(packet, tag_);
    tuns_.at(packet.in_interface).inject(bytes);
    return left_by(out, bytes, tag_);
}

}  // namespace ks::test
