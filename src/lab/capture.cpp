// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/capture.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/pcapng.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/lab/process.hpp"
#include "packet_ring.hpp"
#include "shared.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ks::lab {
namespace {

constexpr std::size_t kMaxFrames = std::size_t{1} << 21;
constexpr std::uint16_t kMarkEthertype = 0x88b5;  // IEEE 802 local experimental.
constexpr int kSettleRounds = 3;  // One per receive queue on the way guest, bridge, provider.

/// Raw bytes for the frames: FrameInfo's initialisers would touch every page.
struct RawLog {  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::atomic<std::uint64_t> count;
    std::atomic<std::uint64_t> lost;
    std::atomic<std::uint64_t> marks;
    alignas(FrameInfo) std::array<std::byte, sizeof(FrameInfo) * kMaxFrames> frames;
};

using File = CHandle<std::FILE, std::fclose>;

bool write_all(std::FILE* file, const std::string& bytes) {
    return std::fwrite(bytes.data(), bytes.size(), 1, file) == 1;
}

Result<File> open_capture_file(const std::string& path) {
    File file(std::fopen(path.c_str(), "we"));
    if (!file || !write_all(file.get(), pcapng_header({"uplink 0", "uplink 1"}))) {
        return Error{fmt::format("cannot write the capture file {}", path), errno};
    }
    std::fflush(file.get());
    return file;
}

bool is_mark(std::span<const std::uint8_t> bytes) {
    return bytes.size() >= 14 && bytes[12] == kMarkEthertype >> 8 &&
           bytes[13] == (kMarkEthertype & 0xff);
}

}  // namespace

struct Capture::Impl {
    Shared<RawLog> log;
    std::vector<std::uint32_t> uplinks;
    std::uint32_t mark_source = 0;
    std::uint32_t mark_target = 0;
    File file;
    Fd wake;  ///< eventfd: a mark was recorded.
    Fd mark_sender;
    std::uint64_t marks_sent = 0;
    std::optional<Process> process;

    [[nodiscard]] FrameInfo* frames() const {
        return reinterpret_cast<FrameInfo*>(log->frames.data());
    }
    void record(const PacketRing::Packet& packet, std::uint64_t& marks) const;
    [[nodiscard]] int drain(PacketRing ring) const;
    [[nodiscard]] Status send_marks();
    [[nodiscard]] Status await_marks(Clock::time_point until) const;
};

void Capture::Impl::record(const PacketRing::Packet& packet, std::uint64_t& marks) const {
    if (packet.interface == mark_target) {
        if (is_mark(packet.bytes)) {
            ++marks;
        }
        return;
    }
    const std::uint64_t at = log->count.load(std::memory_order_relaxed);
    if (at == kMaxFrames) {
        log->lost.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    FrameInfo frame = parse_frame(packet.bytes);
    frame.time_ns = packet.time_ns;
    frame.length = packet.length;
    frame.uplink = packet.interface == uplinks.front() ? 0 : 1;
    ::new (frames() + at) FrameInfo(frame);
    log->count.store(at + 1, std::memory_order_release);
    // A packet that is not written counts as lost: the file would prove less than it seems to.
    if (file && !write_all(file.get(), pcapng_packet({frame.uplink, packet.time_ns, packet.length,
                                                      packet.bytes}))) {
        log->lost.fetch_add(1, std::memory_order_relaxed);
    }
}

int Capture::Impl::drain(PacketRing ring) const {
    for (;;) {
        std::uint64_t marks = 0;
        if (!ring.next([&](const PacketRing::Packet& packet) { record(packet, marks); })) {
            return 1;
        }
        if (marks != 0) {
            // Order: a mark is announced only when the loss before it is known as well.
            log->lost.fetch_add(ring.take_lost());
            log->marks.fetch_add(marks, std::memory_order_release);
            if (file && std::fflush(file.get()) != 0) {
                log->lost.fetch_add(1);
            }
            eventfd_write(wake.get(), 1);
        }
    }
}

Status Capture::Impl::send_marks() {
    std::array<std::uint8_t, 60> frame{};
    std::memset(frame.data(), 0xff, 12);
    frame[12] = kMarkEthertype >> 8;
    frame[13] = kMarkEthertype & 0xff;
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(mark_source);
    cpu_set_t before;
    CPU_ZERO(&before);
    if (sched_getaffinity(0, sizeof before, &before) != 0) {
        return Error{"cannot read the CPU affinity", errno};
    }
    bool sent_all = true;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && sent_all; ++cpu) {
        if (!CPU_ISSET(cpu, &before)) {
            continue;
        }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sent_all = sched_setaffinity(0, sizeof one, &one) == 0 &&
                   sendto(mark_sender.get(), frame.data(), frame.size(), 0,
                          reinterpret_cast<const sockaddr*>(&to), sizeof to) > 0;
        marks_sent += sent_all ? 1 : 0;
    }
    const int failed_errno = errno;
    if (sched_setaffinity(0, sizeof before, &before) != 0 || !sent_all) {
        return Error{"cannot mark the captured stream", sent_all ? errno : failed_errno};
    }
    return Done{};
}

Status Capture::Impl::await_marks(Clock::time_point until) const {
    while (log->marks.load(std::memory_order_acquire) < marks_sent) {
        const auto left = std::chrono::ceil<Millis>(until - Clock::now());
        pollfd waiting{wake.get(), POLLIN, 0};
        if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
            return Error{"the capture did not see its own mark in time", ETIMEDOUT};
        }
        eventfd_t ignored = 0;
        eventfd_read(wake.get(), &ignored);
    }
    return Done{};
}

Capture::Capture(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<Capture> Capture::start(Node& provider, const Options& options) {
    auto log = Shared<RawLog>::create();
    if (!log) {
        return std::move(log).error();
    }
    auto impl = std::unique_ptr<Impl>(new Impl{*std::move(log), {}, 0, 0, {}, {}, {}, 0, {}});
    for (auto step : {provider.net().add_veth("sync0", "sync1", provider.netns()),
                      provider.sysctl("net/ipv6/conf/sync0/disable_ipv6", "1"),
                      provider.sysctl("net/ipv6/conf/sync1/disable_ipv6", "1"),
                      provider.net().set_link("sync0", LinkState::up),
                      provider.net().set_link("sync1", LinkState::up)}) {
        if (!step) {
            return std::move(step).error();
        }
    }
    std::vector<std::string> devices = options.devices;
    devices.insert(devices.end(), {"sync0", "sync1"});
    for (const std::string& device : devices) {
        auto index = provider.net().index(device);
        if (!index) {
            return std::move(index).error();
        }
        impl->uplinks.push_back(*index);
    }
    impl->mark_target = impl->uplinks.back();
    impl->uplinks.pop_back();
    impl->mark_source = impl->uplinks.back();
    impl->uplinks.pop_back();

    if (!options.file.empty()) {
        auto file = open_capture_file(options.file);
        if (!file) {
            return std::move(file).error();
        }
        impl->file = *std::move(file);
    }
    impl->wake = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    auto sender = provider.socket(AF_PACKET, SOCK_RAW, 0);
    if (!impl->wake || !sender) {
        return Error{"cannot prepare the capture's marks", errno};
    }
    impl->mark_sender = *std::move(sender);

    std::vector<std::uint32_t> captured = impl->uplinks;
    captured.push_back(impl->mark_target);
    // Opened here, so that recording has begun when this returns; drained by the child.
    auto ring = provider.inside([&] { return PacketRing::open(captured); });
    if (!ring) {
        return std::move(ring).error();
    }
    auto process = provider.start([&] { return impl->drain(*std::move(ring)); });
    if (!process) {
        return std::move(process).error();
    }
    impl->process = *std::move(process);
    return Capture(std::move(impl));
}

Status Capture::settle(Millis limit) {
    const auto until = Clock::now() + limit;
    for (int round = 0; round < kSettleRounds; ++round) {
        if (auto sent = impl_->send_marks(); !sent) {
            return sent;
        }
        if (auto seen = impl_->await_marks(until); !seen) {
            return seen;
        }
    }
    return Done{};
}

std::size_t Capture::size() const {
    return impl_->log->count.load(std::memory_order_acquire);
}

std::span<const FrameInfo> Capture::since(std::size_t position) const {
    return std::span<const FrameInfo>(impl_->frames(), size()).subspan(position);
}

CaptureStats Capture::stats() const {
    return {size(), impl_->log->lost.load()};
}

std::vector<FrameInfo> Capture::outside(const Permitted& permitted, std::size_t position) const {
    std::vector<FrameInfo> found;
    for (const FrameInfo& frame : since(position)) {
        if (!permitted.covers(frame)) {
            found.push_back(frame);
        }
    }
    return found;
}

}  // namespace ks::lab
