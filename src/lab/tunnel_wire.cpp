// SPDX-License-Identifier: GPL-2.0-or-later
#include "tunnel_wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace ks::lab {
namespace {

std::uint8_t scrambled(std::uint8_t byte, std::size_t at) {
    return static_cast<std::uint8_t>(byte ^ (0xa7 + at * 61));
}

}  // namespace

ByteVector seal(MessageKind kind, std::span<const std::uint8_t> packet, Transport transport) {
    ByteVector message;
    const std::size_t length = packet.size() + 1;
    if (transport == Transport::stream) {
        message.push_back(static_cast<std::uint8_t>(length >> 8));
        message.push_back(static_cast<std::uint8_t>(length & 0xff));
    }
    message.push_back(static_cast<std::uint8_t>(kind));
    for (std::size_t i = 0; i < packet.size(); ++i) {
        message.push_back(scrambled(packet[i], i));
    }
    return message;
}

std::optional<ByteVector> unseal(std::span<const std::uint8_t> message) {
    if (message.size() < 2 || message[0] != static_cast<std::uint8_t>(MessageKind::data)) {
        return std::nullopt;
    }
    ByteVector packet;
    for (std::size_t i = 1; i < message.size(); ++i) {
        packet.push_back(scrambled(message[i], i - 1));
    }
    return packet;
}

void StreamReader::feed(std::span<const std::uint8_t> bytes,
                        const std::function<void(std::span<const std::uint8_t>)>& take) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (at + 2 <= pending_.size()) {
        const std::size_t length = static_cast<std::size_t>(pending_[at]) << 8 | pending_[at + 1];
        if (at + 2 + length > pending_.size()) {
            break;
        }
        take(std::span<const std::uint8_t>(pending_).subspan(at + 2, length));
        at += 2 + length;
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
}

bool StreamWriter::flush(int stream) {
    if (rest_.empty()) {
        return true;
    }
    const auto sent = ::send(stream, rest_.data(), rest_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        rest_.erase(rest_.begin(), rest_.begin() + sent);
    }
    return sent >= 0 || errno == EAGAIN;
}

bool StreamWriter::send(int stream, const ByteVector& message) {
    if (!flush(stream)) {
        return false;
    }
    if (!rest_.empty()) {
        return true;
    }
    rest_ = message;
    const bool intact = flush(stream);
    if (rest_.size() == message.size()) {
        rest_.clear();
    }
    return intact;
}

Result<Fd> open_tun(const std::string& name) {
    Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::copy_n(name.begin(), std::min(name.size(), sizeof request.ifr_name - 1), request.ifr_name);
    if (!fd || ioctl(fd.get(), TUNSETIFF, &request) != 0) {
        return Error{fmt::format("cannot make the tun device {}", name), errno};
    }
    return fd;
}

}  // namespace ks::lab
