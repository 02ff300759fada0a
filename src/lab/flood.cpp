// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/flood.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/chatter.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "shared.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ks::lab {
namespace {

struct Counters {
    std::atomic<std::uint64_t> sent;
    std::atomic<std::uint64_t> refused;
    std::atomic<std::uint64_t> other;
};

/// Not connected: an ICMP answer to one packet must not make the next one fail.
int send_until(int fd, const SocketAddress& to, const std::string& payload, std::uint64_t limit,
               Counters& counters) {
    for (std::uint64_t done = 0; limit == 0 || done < limit; ++done) {
        if (sendto(fd, payload.data(), payload.size(), MSG_DONTWAIT, to.get(), to.size) >= 0) {
            counters.sent.fetch_add(1, std::memory_order_relaxed);
        } else if (errno == EPERM) {
            counters.refused.fetch_add(1, std::memory_order_relaxed);
        } else {
            counters.other.fetch_add(1, std::memory_order_relaxed);
        }
    }
    return 0;
}

}  // namespace

struct Flood::Impl {
    Shared<Counters> counters;
    std::uint32_t tag;
    std::optional<Process> process;
};

Flood::Flood(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Flood::Flood(Flood&&) noexcept = default;
Flood& Flood::operator=(Flood&&) noexcept = default;
Flood::~Flood() = default;

Result<Flood> Flood::start(const Node& from, const IpAddress& to, std::uint16_t port,
                           std::uint64_t limit, const std::string& device) {
    auto counters = Shared<Counters>::create();
    auto fd = from.socket(domain_of(to), SOCK_DGRAM, 0);
    if (!counters || !fd) {
        return counters ? fd.error() : counters.error();
    }
    const SocketAddress where(to, port);
    if (!device.empty() && !bind_to_device(fd->get(), device)) {
        return Error{"cannot bind the flood to " + device, errno};
    }
    auto impl = std::unique_ptr<Impl>(new Impl{*std::move(counters), next_tag(), {}});
    const std::string payload = tag_text(impl->tag);
    auto process =
        from.start([&] { return send_until(fd->get(), where, payload, limit, *impl->counters); });
    if (!process) {
        return std::move(process).error();
    }
    impl->process = *std::move(process);
    return Flood(std::move(impl));
}

FloodCount Flood::count() const {
    const Counters& counters = *impl_->counters;
    return {counters.sent.load(), counters.refused.load(), counters.other.load()};
}

std::uint32_t Flood::tag() const {
    return impl_->tag;
}

FloodCount Flood::stop() {
    impl_->process->kill();
    return count();
}

bool Flood::finished(Millis limit) {
    return bool{impl_->process->wait(limit)};
}

}  // namespace ks::lab
