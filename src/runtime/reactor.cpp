// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/reactor.hpp"

#include "killswitchd/handle.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace ks {

namespace {

using Nanoseconds = std::chrono::nanoseconds;

/// One descriptor. Callbacks are shared so that one that replaces itself stays alive while it runs.
struct Watch {
    std::uint32_t generation = 0;
    std::uint32_t events = 0;
    std::shared_ptr<Reactor::Callback> input;
    std::shared_ptr<Reactor::Callback> output;
};

std::uint64_t tag(int fd, std::uint32_t generation) noexcept {
    return std::uint64_t{generation} << 32U | static_cast<std::uint32_t>(fd);
}

}  // namespace

struct Reactor::Impl {
    Fd epoll;
    Fd clock;
    std::vector<Fd> signals;
    std::map<int, Watch> watches;
    std::map<std::pair<Nanoseconds, TimerId>, Callback> timers;
    std::map<std::string, TimerId> keyed;
    TimerId next_timer = 1;
    std::uint32_t next_generation = 1;
    bool stopped = false;

    Status watch(int fd, std::uint32_t input_events, Callback callback);
    Status update(int fd, Watch& watch, std::uint32_t events);
    void dispatch(const epoll_event& event);
    void arm_clock();
    void run_due_timers();
};

Status Reactor::Impl::update(int fd, Watch& watch, std::uint32_t events) {
    const bool is_new = watch.generation == 0;
    if (!is_new && watch.events == events) {
        return Done{};
    }
    const std::uint32_t generation = is_new ? next_generation : watch.generation;
    epoll_event wanted{};
    wanted.events = events;
    wanted.data.u64 = tag(fd, generation);
    if (epoll_ctl(epoll.get(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &wanted) != 0) {
        return Error{fmt::format("cannot watch file descriptor {}", fd), errno};
    }
    if (is_new) {
        watch.generation = next_generation++;
    }
    watch.events = events;
    return Done{};
}

Status Reactor::Impl::watch(int fd, std::uint32_t input_events, Callback callback) {
    const auto [at, is_new] = watches.try_emplace(fd);
    const std::uint32_t kept = at->second.events & EPOLLOUT;
    if (auto done = update(fd, at->second, kept | input_events); !done) {
        if (is_new) {
            watches.erase(at);
        }
        return done;
    }
    at->second.input = std::make_shared<Callback>(std::move(callback));
    return Done{};
}

void Reactor::Impl::dispatch(const epoll_event& event) {
    const int fd = static_cast<int>(event.data.u64 & 0xffffffffU);
    // A callback earlier in this batch may have closed the descriptor and reused its number.
    const auto current = [&]() -> const Watch* {
        const auto at = watches.find(fd);
        const bool same = at != watches.end() && tag(fd, at->second.generation) == event.data.u64;
        return same ? &at->second : nullptr;
    };
    const auto* watch = current();
    if (watch != nullptr && (event.events & EPOLLOUT) != 0 && watch->output) {
        const auto callback = watch->output;
        (*callback)();
        watch = current();
    }
    const std::uint32_t wanted = EPOLLHUP | EPOLLERR | (watch != nullptr ? watch->events : 0U);
    if (watch != nullptr && (event.events & wanted & ~std::uint32_t{EPOLLOUT}) != 0) {
        const auto callback = watch->input;
        (*callback)();
    }
}

void Reactor::Impl::arm_clock() {
    itimerspec when{};  // All zero disarms.
    if (!timers.empty()) {
        const Nanoseconds due = std::max(timers.begin()->first.first, Nanoseconds(1));
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(due);
        when.it_value.tv_sec = seconds.count();
        when.it_value.tv_nsec = (due - seconds).count();
    }
    // Only a bad descriptor or value can fail here, and then no deadline would ever come.
    if (timerfd_settime(clock.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0) {
        throw std::system_error(errno, std::generic_category(), "timerfd_settime");
    }
}

void Reactor::Impl::run_due_timers() {
    std::uint64_t expirations = 0;
    static_cast<void>(!read(clock.get(), &expirations, sizeof expirations));
    // Timers that these callbacks add wait for the next turn, so that descriptors get theirs.
    const auto limit = std::pair(since_boot(), next_timer);
    const TimerId first_new = next_timer;
    auto at = timers.begin();
    while (at != timers.end() && at->first <= limit && !stopped) {
        if (at->first.second >= first_new) {
            ++at;
            continue;
        }
        const auto node = timers.extract(at);
        node.mapped()();
        at = timers.begin();
    }
    arm_clock();
}

Reactor::Reactor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reactor::Reactor(Reactor&&) noexcept = default;
Reactor& Reactor::operator=(Reactor&&) noexcept = default;
Reactor::~Reactor() = default;

Result<Reactor> Reactor::open() {
    auto impl = std::make_unique<Impl>();
    impl->epoll.reset(epoll_create1(EPOLL_CLOEXEC));
    if (!impl->epoll) {
        return Error{"cannot create the event loop", errno};
    }
    impl->clock.reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!impl->clock) {
        return Error{"cannot create the event loop's timer", errno};
    }
    Impl* const self = impl.get();
    if (auto done = self->watch(self->clock.get(), EPOLLIN, [self] { self->run_due_timers(); });
        !done) {
        return std::move(done).error();
    }
    return Reactor(std::move(impl));
}

Status Reactor::on_readable(int fd, Callback callback) {
    return impl_->watch(fd, EPOLLIN | EPOLLRDHUP, std::move(callback));
}

Status Reactor::on_hangup(int fd, Callback callback) {
    return impl_->watch(fd, 0, std::move(callback));
}

Status Reactor::on_writable(int fd, Callback callback) {
    const auto at = impl_->watches.find(fd);
    if (at == impl_->watches.end()) {
        return Error{fmt::format("cannot watch file descriptor {} for writing", fd), ENOENT};
    }
    const std::uint32_t input = at->second.events & ~std::uint32_t{EPOLLOUT};
    auto done = impl_->update(fd, at->second, callback ? input | EPOLLOUT : input);
    if (done) {
        at->second.output = callback ? std::make_shared<Callback>(std::move(callback)) : nullptr;
    }
    return done;
}

void Reactor::forget(int fd) noexcept {
    if (impl_->watches.erase(fd) != 0) {
        epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
    }
}

Reactor::TimerId Reactor::after(std::chrono::milliseconds delay, Callback callback) {
    // A century is never; the bound keeps the sum from overflowing.
    const auto bounded = std::clamp<std::chrono::milliseconds>(delay, std::chrono::milliseconds(0),
                                                               std::chrono::hours(24 * 36'525));
    const TimerId id = impl_->next_timer++;
    const auto at =
        impl_->timers.emplace(std::pair(since_boot() + bounded, id), std::move(callback)).first;
    if (at == impl_->timers.begin()) {
        impl_->arm_clock();
    }
    return id;
}

void Reactor::cancel(TimerId id) {
    const auto at = std::find_if(impl_->timers.begin(), impl_->timers.end(),
                                 [id](const auto& timer) { return timer.first.second == id; });
    if (at == impl_->timers.end()) {
        return;
    }
    const bool was_first = at == impl_->timers.begin();
    impl_->timers.erase(at);
    if (was_first) {
        impl_->arm_clock();
    }
}

void Reactor::after(const std::string& key, std::chrono::milliseconds delay, Callback callback) {
    cancel(key);
    impl_->keyed[key] = after(delay, [self = impl_.get(), key, callback = std::move(callback)] {
        self->keyed.erase(key);
        callback();
    });
}

void Reactor::cancel(const std::string& key) {
    if (const auto at = impl_->keyed.find(key); at != impl_->keyed.end()) {
        cancel(at->second);
        impl_->keyed.erase(at);
    }
}

Status Reactor::on_signals(const std::vector<int>& signals, std::function<void(int)> callback) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) {
        sigaddset(&set, signal);
    }
    Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) {
        return Error{"cannot receive signals", errno};
    }
    const int raw = fd.get();
    auto done = on_readable(raw, [raw, callback = std::move(callback)] {
        signalfd_siginfo info{};
        if (read(raw, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            callback(static_cast<int>(info.ssi_signo));
        }
    });
    if (!done) {
        return done;
    }
    // Order: only once somebody listens; a blocked signal nobody reads would be lost.
    impl_->signals.push_back(std::move(fd));
    if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
        return Error{"cannot block signals", errno};
    }
    return Done{};
}

Status Reactor::run() {
    std::array<epoll_event, 32> events{};
    while (!impl_->stopped) {
        const int count = epoll_wait(impl_->epoll.get(), events.data(), events.size(), -1);
        if (count < 0 && errno != EINTR) {
            return Error{"cannot wait for events", errno};
        }
        for (int i = 0; i < count && !impl_->stopped; ++i) {
            impl_->dispatch(events.at(static_cast<std::size_t>(i)));
        }
    }
    impl_->stopped = false;
    return Done{};
}

void Reactor::stop() noexcept {
    impl_->stopped = true;
}

}  // namespace ks
