// SPDX-License-Identifier: GPL-2.0-or-later
#include "flood.hpp"

#include "killswitchd/handle.hpp"
#include "killswitchd/net.hpp"
#include "private_network.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks::test {

namespace {

/// A socket with a destination, ready to send again and again.
class Aim {
  public:
    Aim(const char* where, std::uint16_t port) {
        const IpAddress address = *IpAddress::parse(where);
        const bool v4 = address.family == IpFamily::v4;
        fd_.reset(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (v4) {
            auto* const to = reinterpret_cast<sockaddr_in*>(&to_);
            to->sin_family = AF_INET;
            to->sin_port = htons(port);
            std::memcpy(&to->sin_addr, address.bytes.data(), address.size());
            length_ = sizeof(sockaddr_in);
        } else {
            auto* const to = reinterpret_cast<sockaddr_in6*>(&to_);
            to->sin6_family = AF_INET6;
            to->sin6_port = htons(port);
            std::memcpy(&to->sin6_addr, address.bytes.data(), address.size());
            length_ = sizeof(sockaddr_in6);
        }
    }
    void fire(Tally& tally) const {
        const ssize_t sent =
            ::sendto(fd_.get(), "flood", 5, 0, reinterpret_cast<const sockaddr*>(&to_), length_);
        if (sent < 0) {
            ++(errno == EPERM ? tally.refused : tally.failed);
        }
        ++tally.tried;
    }

  private:
    Fd fd_;
    sockaddr_storage to_{};
    socklen_t length_ = 0;
};

[[noreturn]] void flood(Flood::Shared& shared) {
    const Aim allowed(kAllowedAddress, kAllowedPort);
    const Aim blocked4(kBlocked4, 5000);
    const Aim blocked6(kBlocked6, 5000);
    while (!shared.stop && ::getppid() != 1) {
        allowed.fire(shared.allowed);
        blocked4.fire(shared.blocked4);
        blocked6.fire(shared.blocked6);
    }
    ::_exit(0);
}

}  // namespace

Wire::Wire() {
    ip({"link add up0 type veth peer name far0", "link set up0 up", "link set far0 up",
        "addr add 192.0.2.2/24 dev up0", "addr add 2001:db8:1::2/64 dev up0 nodad",
        "neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev up0 nud permanent",
        "neigh add 2001:db8:1::1 lladdr 02:00:00:00:00:01 dev up0 nud permanent",
        "route add default via 192.0.2.1", "route add default via 2001:db8:1::1"});
    const Output loaded = run_with_input(
        "nft -f -",
        fmt::format("table netdev wire {{\n"
                    "counter allowed {{}}\ncounter blocked4 {{}}\ncounter blocked6 {{}}\n"
                    "counter other {{}}\n"
                    "chain arriving {{ type filter hook ingress device far0 priority 0;\n"
                    "ip daddr {} counter name allowed drop\n"
                    "ip daddr {} counter name blocked4 drop\n"
                    "ip6 daddr {} counter name blocked6 drop\n"
                    "counter name other drop\n}}\n}}\n",
                    kAllowedAddress, kBlocked4, kBlocked6));
    if (loaded.status != 0) {
        throw std::runtime_error(fmt::format("cannot count on the far side: {}", loaded.text));
    }
}

std::uint64_t Wire::arrived(const std::string& counter) const {
    const std::string text = must(fmt::format("nft list counter netdev wire {}", counter));
    constexpr const char* kBefore = "packets ";
    return std::strtoull(text.c_str() + text.find(kBefore) + std::strlen(kBefore), nullptr, 10);
}

Flood::Flood() {
    void* const memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::runtime_error("no shared memory");
    }
    shared_ = new (memory) Shared;
    pid_ = ::fork();
    if (pid_ == 0) {
        flood(*shared_);
    }
}

void Flood::stop() {
    if (pid_ > 0) {
        shared_->stop = true;
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

Flood::~Flood() {
    stop();
    ::munmap(shared_, sizeof(Shared));
}

std::uint64_t Flood::tried() const {
    return shared_->allowed.tried + shared_->blocked4.tried + shared_->blocked6.tried;
}

}  // namespace ks::test
