// SPDX-License-Identifier: GPL-2.0-or-later
#include "private_network.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ks::test {

namespace {

constexpr int kSkipped = 77;

[[noreturn]] void skip(const std::string& why) {
    fmt::print(stderr, "skipped: {}\n", why);
    std::exit(kSkipped);
}

void write_file(const char* path, const std::string& text) {
    std::ofstream(path) << text;
}

/// As an ordinary user: root of a user namespace of our own.
void become_mapped_root() {
    const std::string uid = fmt::format("0 {} 1\n", ::geteuid());
    const std::string gid = fmt::format("0 {} 1\n", ::getegid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        skip(fmt::format("no private network namespace: {}", std::strerror(errno)));
    }
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", uid);
    write_file("/proc/self/gid_map", gid);
}

}  // namespace

void enter_private_network() {
    if (::unshare(CLONE_NEWNET) != 0) {
        if (errno != EPERM) {
            skip(fmt::format("no private network namespace: {}", std::strerror(errno)));
        }
        become_mapped_root();
    }
    need_programs({"ip"});
    ip({"link set lo up"});
}

Output run_with_input(const std::string& command, const std::string& text) {
    char path[] = "/tmp/ks-test-XXXXXX";
    const Fd file{::mkostemp(path, O_CLOEXEC)};
    if (!file ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("cannot write a temporary file");
    }
    Output output = run(fmt::format("{} < {}", command, path));
    ::unlink(path);
    return output;
}

Output run(const std::string& command) {
    std::FILE* const pipe = ::popen(fmt::format("{{ {} ; }} 2>&1", command).c_str(), "re");
    if (pipe == nullptr) {
        throw std::runtime_error("cannot start a shell");
    }
    Output output;
    std::array<char, 4096> part{};
    while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) {
        output.text.append(part.data(), got);
    }
    const int status = ::pclose(pipe);
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return output;
}

std::string must(const std::string& command) {
    Output output = run(command);
    if (output.status != 0) {
        throw std::runtime_error(fmt::format("`{}` failed: {}", command, output.text));
    }
    return std::move(output.text);
}

void ip(const std::vector<std::string>& lines, const char* family) {
    const Output output = run_with_input(fmt::format("ip {} -batch -", family),
                                         fmt::format("{}\n", fmt::join(lines, "\n")));
    if (output.status != 0) {
        throw std::runtime_error(fmt::format("ip -batch failed: {}", output.text));
    }
}

void need_programs(const std::vector<std::string>& programs) {
    for (const std::string& program : programs) {
        if (run(fmt::format("command -v {}", program)).status != 0) {
            skip(fmt::format("{} is not installed", program));
        }
    }
}

Tun::Tun(const std::string& name) : fd_(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (!fd_ || ::ioctl(fd_.get(), TUNSETIFF, &request) != 0) {
        skip(fmt::format("no tun device: {}", std::strerror(errno)));
    }
    ip({fmt::format("link set {} up", name)});
}

void Tun::inject(const std::string& packet) const {
    if (::write(fd_.get(), packet.data(), packet.size()) != static_cast<ssize_t>(packet.size())) {
        throw std::runtime_error(fmt::format("cannot write to a tun: {}", std::strerror(errno)));
    }
}

std::string Tun::next() const {
    std::string packet(2048, '\0');
    const ssize_t got = ::read(fd_.get(), packet.data(), packet.size());
    packet.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return packet;
}

void Tun::drain() const {
    while (!next().empty()) {
    }
}

}  // namespace ks::test
