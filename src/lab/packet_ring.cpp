// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet_ring.hpp"

#include "killswitchd/lab/probe.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace ks::lab {
namespace {

constexpr unsigned kBlockBytes = 1U << 18;
constexpr unsigned kBlocks = 128;  // 32 MiB: about 150,000 small frames of slack.
constexpr unsigned kFrameBytes = 2048;
constexpr unsigned kRetireMillis = 2;
constexpr std::size_t kRingBytes = std::size_t{kBlockBytes} * kBlocks;

/// Accepts the first kSnapBytes of incoming frames on `interfaces`.
Status attach_filter(int fd, const std::vector<std::uint32_t>& interfaces) {
    const auto ancillary = [](int what) { return static_cast<std::uint32_t>(SKF_AD_OFF + what); };
    const auto accept_at = static_cast<std::uint8_t>(interfaces.size() + 4);
    std::vector<sock_filter> code;
    code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ancillary(SKF_AD_PKTTYPE)));
    const auto left = [&] { return static_cast<std::uint8_t>(accept_at - code.size() - 1); };
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING,
                            static_cast<std::uint8_t>(left() - 1), 0));
    code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ancillary(SKF_AD_IFINDEX)));
    for (const std::uint32_t interface : interfaces) {
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, interface, left(), 0));
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, kSnapBytes));
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
        return Error{"cannot filter the captured interfaces", errno};
    }
    return Done{};
}

}  // namespace

PacketRing::PacketRing(Fd socket, void* memory) noexcept
    : socket_(std::move(socket)), memory_(memory) {}

PacketRing::PacketRing(PacketRing&& other) noexcept
    : socket_(std::move(other.socket_)), memory_(std::exchange(other.memory_, nullptr)),
      current_(other.current_) {}

PacketRing::~PacketRing() {
    if (memory_ != nullptr) {
        munmap(memory_, kRingBytes);
    }
}

Result<PacketRing> PacketRing::open(const std::vector<std::uint32_t>& interfaces) {
    Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!fd) {
        return Error{"cannot open a packet socket", errno};
    }
    if (auto filtered = attach_filter(fd.get(), interfaces); !filtered) {
        return std::move(filtered).error();
    }
    const int version = TPACKET_V3;
    tpacket_req3 ring{};
    ring.tp_block_size = kBlockBytes;
    ring.tp_block_nr = kBlocks;
    ring.tp_frame_size = kFrameBytes;
    ring.tp_frame_nr = kBlockBytes / kFrameBytes * kBlocks;
    ring.tp_retire_blk_tov = kRetireMillis;
    if (setsockopt(fd.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(fd.get(), SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) {
        return Error{"cannot make a packet ring", errno};
    }
    void* const memory = mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) {
        return Error{"cannot map the packet ring", errno};
    }
    PacketRing made(std::move(fd), memory);
    // Order: bound last, so no frame comes in before the filter stands.
    sockaddr_ll everywhere{};
    everywhere.sll_family = AF_PACKET;
    everywhere.sll_protocol = htons(ETH_P_ALL);
    if (bind(made.socket_.get(), reinterpret_cast<const sockaddr*>(&everywhere),
             sizeof everywhere) != 0) {
        return Error{"cannot start the packet capture", errno};
    }
    return made;
}

tpacket_block_desc* PacketRing::block() const {
    return reinterpret_cast<tpacket_block_desc*>(static_cast<char*>(memory_) +
                                                 std::size_t{current_} * kBlockBytes);
}

Status PacketRing::next(const std::function<void(const Packet&)>& take) {
    tpacket_hdr_v1& head = block()->hdr.bh1;
    std::atomic_ref<std::uint32_t> status(head.block_status);
    while ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) {
        pollfd waiting{socket_.get(), POLLIN, 0};
        if (poll(&waiting, 1, -1) < 0 && errno != EINTR) {
            return Error{"cannot wait for captured frames", errno};
        }
    }
    const auto* at = reinterpret_cast<const std::uint8_t*>(block()) + head.offset_to_first_pkt;
    for (std::uint32_t i = 0; i < head.num_pkts; ++i) {
        const auto* const packet = reinterpret_cast<const tpacket3_hdr*>(at);
        const auto* const from =
            reinterpret_cast<const sockaddr_ll*>(at + TPACKET_ALIGN(sizeof(tpacket3_hdr)));
        take({static_cast<std::uint32_t>(from->sll_ifindex),
              packet->tp_len,
              std::uint64_t{packet->tp_sec} * 1'000'000'000U + packet->tp_nsec,
              {at + packet->tp_mac, packet->tp_snaplen}});
        at += packet->tp_next_offset;
    }
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    current_ = (current_ + 1) % kBlocks;
    return Done{};
}

std::uint64_t PacketRing::take_lost() {
    tpacket_stats_v3 statistics{};
    socklen_t size = sizeof statistics;
    if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) {
        return 1;  // Unknown is not "none": a test that relies on it must fail.
    }
    return statistics.tp_drops;
}

}  // namespace ks::lab
