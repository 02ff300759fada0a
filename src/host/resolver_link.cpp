// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolver_link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

namespace ks {

namespace {

/// Empty where nobody listens.
Result<Fd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return Fd();
    }
    std::ranges::copy(path, address.sun_path);
    Fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) {
        return Error{"cannot create a socket for the resolver", errno};
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        return fd;
    }
    const bool nobody = errno == ENOENT || errno == ECONNREFUSED || errno == EPROTOTYPE;
    return nobody ? Result<Fd>(Fd()) : Error{"cannot connect to the resolver", errno};
}

}  // namespace

ResolverLink::ResolverLink(Fd connection, std::optional<OwnChild> child)
    : connection_(std::move(connection)), child_(std::move(child)) {}

Result<ResolverLink> ResolverLink::open(const std::string& socket, std::uint32_t user) {
    auto connected = connect_to(socket);
    if (!connected) {
        return std::move(connected).error();
    }
    if (*connected) {
        return ResolverLink(*std::move(connected), std::nullopt);
    }
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Error{"cannot create a socket for the resolver", errno};
    }
    Fd own(ends[0]);
    const Fd other(ends[1]);
    auto child = OwnChild::start("resolve", user, other);
    if (!child) {
        return std::move(child).error().within("cannot start the resolver");
    }
    return ResolverLink(std::move(own), *std::move(child));
}

Status ResolverLink::ask(const NameQuestion& question) {
    const std::string message = encode(question);
    if (::send(connection_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) <
        0) {
        return Error{"cannot ask the resolver", errno};
    }
    return Done{};
}

Result<std::optional<NameReply>> ResolverLink::receive() {
    std::array<char, kMaxNameMessageBytes> buffer{};
    const auto got =
        ::recv(connection_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR
                   ? Result<std::optional<NameReply>>(std::optional<NameReply>())
                   : Error{"cannot read from the resolver", errno};
    }
    const auto size = static_cast<std::size_t>(got);
    if (size == 0) {
        return Error{"the resolver has ended; see: journalctl -u killswitchd-resolver"};
    }
    if (size > buffer.size()) {
        return Error{"a reply of the resolver is too long"};
    }
    auto reply = decode_reply({buffer.data(), size});
    if (!reply) {
        return std::move(reply).error();
    }
    return std::optional<NameReply>(*std::move(reply));
}

}  // namespace ks
