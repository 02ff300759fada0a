// SPDX-License-Identifier: GPL-2.0-or-later
#include "lookup.hpp"

#include "killswitchd/dns_answer.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/name_messages.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <ares.h>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <arpa/nameser.h>
#include <poll.h>
#include <sys/time.h>

namespace ks {

namespace {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

/// For each try at each server; the second try takes twice as long.
constexpr int kTryMilliseconds = 1500;
constexpr int kTries = 2;
/// However many servers there are.
constexpr std::chrono::seconds kLongestLookup{15};

/// One of the two questions of a lookup.
struct Half {
    IpFamily family = IpFamily::v4;
    bool done = false;
    int status = ARES_SUCCESS;
    std::optional<DnsAnswer> answer;
};

NameStatus meaning(const Half& half) {
    switch (half.status) {
    case ARES_SUCCESS:
    case ARES_EBADRESP:
    case ARES_EFORMERR:
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP:
    case ARES_EREFUSED:
        return half.answer ? NameStatus::found : NameStatus::failed;
    case ARES_ENODATA:
        return NameStatus::no_address;
    case ARES_ENOTFOUND:
        return NameStatus::no_such_name;
    default:
        return NameStatus::no_answer;
    }
}

}  // namespace

struct Lookup::Impl {
    ares_channel channel = nullptr;
    std::uint32_t id = 0;
    Clock::time_point until;
    std::array<Half, 2> halves{Half{IpFamily::v4}, Half{IpFamily::v6}};

    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    ~Impl() {
        if (channel != nullptr) {
            ares_destroy(channel);  // Calls back for what is not done.
        }
    }

    static void answered(void* argument, int status, int /*timeouts*/, unsigned char* message,
                         int bytes) {
        auto& half = *static_cast<Half*>(argument);
        half.done = true;
        half.status = status;
        if (status == ARES_SUCCESS && message != nullptr && bytes > 0) {
            half.answer = parse_dns_answer({message, static_cast<std::size_t>(bytes)}, half.family);
        }
    }
};

Lookup::Lookup(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Lookup::Lookup(Lookup&&) noexcept = default;
Lookup& Lookup::operator=(Lookup&&) noexcept = default;
Lookup::~Lookup() = default;

Result<Lookup> Lookup::start(const NameQuestion& question) {
    auto impl = std::make_unique<Impl>();
    impl->id = question.id;
    impl->until = Clock::now() + kLongestLookup;
    ares_options options{};
    options.timeout = kTryMilliseconds;
    options.tries = kTries;
    int failed = ares_init_options(&impl->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (failed != ARES_SUCCESS) {
        impl->channel = nullptr;
        return Error{fmt::format("cannot begin a lookup: {}", ares_strerror(failed))};
    }
    std::vector<ares_addr_node> servers(question.servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const IpAddress& address = question.servers[i];
        servers[i].family = address.family == IpFamily::v4 ? AF_INET : AF_INET6;
        std::memcpy(&servers[i].addr, address.bytes.data(), address.size());
        servers[i].next = i + 1 < servers.size() ? &servers[i + 1] : nullptr;
    }
    failed = ares_set_servers(impl->channel, servers.data());
    if (failed != ARES_SUCCESS) {
        return Error{fmt::format("cannot name the servers: {}", ares_strerror(failed))};
    }
    for (Half& half : impl->halves) {
        ares_query(impl->channel, question.host.c_str(), ns_c_in,
                   half.family == IpFamily::v4 ? ns_t_a : ns_t_aaaa, Impl::answered, &half);
    }
    return Lookup(std::move(impl));
}

Millis Lookup::waits_for(std::vector<pollfd>& descriptors) const {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int wanted = ares_getsock(impl_->channel, sockets.data(), ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
        const int events = (ARES_GETSOCK_READABLE(wanted, i) != 0 ? POLLIN : 0) |
                           (ARES_GETSOCK_WRITABLE(wanted, i) != 0 ? POLLOUT : 0);
        if (events != 0) {
            descriptors.push_back(
                {sockets.at(static_cast<std::size_t>(i)), static_cast<short>(events), 0});
        }
    }
    const auto left = std::max(std::chrono::ceil<Millis>(impl_->until - Clock::now()), Millis(0));
    timeval most{left.count() / 1000, (left.count() % 1000) * 1000};
    timeval wait{};
    const timeval* const chosen = ares_timeout(impl_->channel, &most, &wait);
    return Millis(chosen->tv_sec * 1000 + (chosen->tv_usec + 999) / 1000);
}

void Lookup::go_on(const pollfd* found, std::size_t count) {
    if (Clock::now() >= impl_->until) {
        ares_cancel(impl_->channel);
        return;
    }
    for (const pollfd& one : std::span(found, count)) {
        const bool readable = (one.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
        const bool writable = (one.revents & POLLOUT) != 0;
        if (readable || writable) {
            ares_process_fd(impl_->channel, readable ? one.fd : ARES_SOCKET_BAD,
                            writable ? one.fd : ARES_SOCKET_BAD);
        }
    }
    ares_process_fd(impl_->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // What timed out.
}

bool Lookup::done() const {
    return std::ranges::all_of(impl_->halves, &Half::done);
}

NameReply Lookup::reply() const {
    NameReply reply;
    reply.id = impl_->id;
    for (const Half& half : impl_->halves) {
        if (!half.answer) {
            continue;
        }
        reply.ttl =
            reply.addresses.empty() ? half.answer->ttl : std::min(reply.ttl, half.answer->ttl);
        reply.addresses.insert(reply.addresses.end(), half.answer->addresses.begin(),
                               half.answer->addresses.end());
    }
    reply.addresses.resize(std::min(reply.addresses.size(), kMaxNameAnswers));
    // IPv4 speaks for both: half of the servers' trouble is with IPv6.
    reply.status = reply.addresses.empty() ? meaning(impl_->halves.front()) : NameStatus::found;
    return reply;
}

}  // namespace ks
