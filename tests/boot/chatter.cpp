// SPDX-License-Identifier: GPL-2.0-or-later
// Talks through every network card from the first moment on, and marks the wire.
//   chatter            never ends, ignores SIGTERM: the worst program that a machine can have
//   chatter wait N     returns when it has tried everything N times more
//   chatter mark TEXT  sends one raw frame, which no inet table sees, that names a phase of the
//   test
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::uint16_t kMarkEthertype = 0x88b5;  // IEEE: local experiments.
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

int mark(std::string_view text) {
    const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    to.sll_halen = 6;
    std::array<char, 60> frame{};
    std::fill_n(frame.begin(), 6, '\xff');
    frame[6] = 2;
    frame[12] = static_cast<char>(kMarkEthertype >> 8);
    frame[13] = static_cast<char>(kMarkEthertype & 0xff);
    text.copy(frame.data() + 14, frame.size() - 14);
    const auto* const address = reinterpret_cast<const sockaddr*>(&to);
    return ::sendto(fd, frame.data(), frame.size(), 0, address, sizeof(to)) < 0 ? 1 : 0;
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
        ::poll(nullptr, 0, kPauseMs);
    }
}
