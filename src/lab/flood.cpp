// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/flood.hpp"

#include "address.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
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
#include <ctime>
#include <memory>
#include <optional>
#include <ratio>
#include <string>
#include <utility>

#include <sys/timerfd.h>
#include <unistd.h>

namespace ks::lab {
namespace {

struct Counters {
    std::atomic<std::uint64_t> sent;
    std::atomic<std::uint64_t> refused;
    std::atomic<std::uint64_t> other;
};

constexpr std::uint64_t kTicks = 1000;  // A second: a timer for each packet would cost too much.

Result<Fd> ticking() {
    Fd timer{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
    constexpr timespec tick{0, std::nano::den / static_cast<long>(kTicks)};
    const itimerspec every{tick, tick};
    if (!timer || timerfd_settime(timer.get(), 0, &every, nullptr) != 0) {
        return Error{"cannot pace the flood", errno};
    }
    return timer;
}

/// Waits for the next tick. \return the ticks since the last one.
std::uint64_t ticks(int timer) {
    std::uint64_t count = 0;
    return read(timer, &count, sizeof count) == sizeof count ? count : 0;
}

/// Not connected: an ICMP answer to one packet must not make the next one fail.
/// \param timer  of the ticks in which `options.per_second` packets go; else unused.
int send_until(int fd, const SocketAddress& to, const std::string& payload, int timer,
               const FloodOptions& options, Counters& counters) {
    std::uint64_t due = options.per_second == 0 ? UINT64_MAX : 0;
    for (std::uint64_t done = 0; options.limit == 0 || done < options.limit; ++done) {
        while (done == due) {
            due += ticks(timer) * options.per_second / kTicks;
        }
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
                           const FloodOptions& options) {
    auto counters = Shared<Counters>::create();
    auto fd = from.socket(domain_of(to), SOCK_DGRAM, 0);
    if (!counters || !fd) {
        return counters ? fd.error() : counters.error();
    }
    auto timer = ticking();
    if (!timer) {
        return std::move(timer).error();
    }
    const SocketAddress where(to, port);
    if (!options.device.empty() && !bind_to_device(fd->get(), options.device)) {
        return Error{"cannot bind the flood to " + options.device, errno};
    }
    auto impl = std::unique_ptr<Impl>(new Impl{*std::move(counters), next_tag(), {}});
    const std::string payload = tag_text(impl->tag);
    auto process = from.start([&] {
        return send_until(fd->get(), where, payload, timer->get(), options, *impl->counters);
    });
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
