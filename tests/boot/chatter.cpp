// SPDX-License-Identifier: GPL-2.0-or-later
// Talks through every network card from the first moment on, and marks the wire.
//   chatter            never ends, ignores SIGTERM: the worst program that a machine can have
//   chatter wait N     returns when it has tried everything N times more
//   chatter mark TEXT  sends one ARP frame, which every lock lets pass, that names a phase of the
//                      test
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::uint16_t kMarkOperation = 24;  // Source: RFC 5494, for experiments.
constexpr std::uint16_t kPort = 4000;
constexpr int kPauseMs = 20;

/// How often everything was tried, shared by all processes of this program.
std::atomic<unsigned>& rounds() {
    const int fd = ::open("/run/boot-test-rounds", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(std::atomic<unsigned>)) != 0) {
        ::_exit(1);
    }
    void* const page =
        ::mmap(nullptr, sizeof(std::atomic<unsigned>), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        ::_exit(1);
    }
    return *static_cast<std::atomic<unsigned>*>(page);
}

int wait_for(std::string_view count) {
    constexpr int kMostPauses = 3000;
    unsigned wanted = 0;
    std::from_chars(count.data(), count.data() + count.size(), wanted);
    const std::atomic<unsigned>& now = rounds();
    const unsigned first = now;
    for (int pauses = 0; pauses < kMostPauses; ++pauses) {
        if (now - first >= wanted) {
            return 0;
        }
        ::poll(nullptr, 0, kPauseMs);
    }
    return 1;
}

/// One frame to everybody, past everything but the rules at the device.
int send_frame(std::uint16_t ethertype, std::string_view packet) {
    const int fd = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ethertype);
    to.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    to.sll_halen = 6;
    std::fill_n(to.sll_addr, 6, 0xff);
    const auto* const address = reinterpret_cast<const sockaddr*>(&to);
    const auto sent = ::sendto(fd, packet.data(), packet.size(), 0, address, sizeof(to));
    ::close(fd);
    return sent < 0 ? 1 : 0;
}

int mark(std::string_view text) {
    std::string packet(28, '\0');
    packet[7] = static_cast<char>(kMarkOperation);
    return send_frame(ETH_P_ARP, packet.append(text).append(20, '\0'));
}

/// A whole IPv4 packet from 192.0.2.2 to 198.51.100.10, by a packet socket.
void send_raw() {
    constexpr std::array<unsigned char, 28> kPacket{0x45, 0,    0,    28,   0, 0, 0,   0,  64,  17,
                                                    0x30, 0x91, 192,  0,    2, 2, 198, 51, 100, 10,
                                                    0x0f, 0xa0, 0x0f, 0xa0, 0, 8, 0,   0};
    send_frame(ETH_P_IP, {reinterpret_cast<const char*>(kPacket.data()), kPacket.size()});
}

void send4(const char* address) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
    ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kPort);
    ::inet_pton(AF_INET, address, &to.sin_addr);
    ::sendto(fd, "leak", 4, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    ::close(fd);
}

void send6(const char* address) {
    const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(kPort);
    to.sin6_scope_id = ::if_nametoindex("eth0");
    ::inet_pton(AF_INET6, address, &to.sin6_addr);
    ::sendto(fd, "leak", 4, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    ::close(fd);
}

void connect4(const char* address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kPort);
    ::inet_pton(AF_INET, address, &to.sin_addr);
    static_cast<void>(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
    ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "mark") {
        return mark(argv[2]);
    }
    if (argc == 3 && std::string_view(argv[1]) == "wait") {
        return wait_for(argv[2]);
    }
    ::signal(SIGTERM, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    for (std::atomic<unsigned>& round = rounds();; ++round) {
        send4("198.51.100.9");
        send4("255.255.255.255");
        send4("224.0.0.251");
        send6("2001:db8::9");
        send6("ff02::fb");
        connect4("198.51.100.9");
        send_raw();
        ::poll(nullptr, 0, kPauseMs);
    }
}
