// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ipsec_monitor.hpp"

#include "killswitchd/net.hpp"
#include "netlink_socket.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <linux/xfrm.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ks {

namespace {

constexpr NetlinkProtocol kXfrm{NETLINK_XFRM, "the kernel's IPsec (xfrm)"};
/// A gateway more is not seen: its tunnel stays closed.
constexpr std::size_t kMostGateways = 4096;

template <class T>
T copied(const void* from) {
    T value{};
    std::memcpy(&value, from, sizeof value);
    return value;
}

bool encrypts_in_tunnel(const xfrm_user_tmpl& step) {
    return step.id.proto == IPPROTO_ESP && step.mode == XFRM_MODE_TUNNEL && step.optional == 0;
}

IpAddress far_end(const xfrm_user_tmpl& step) {
    IpAddress address;
    address.family = step.family == AF_INET6 ? IpFamily::v6 : IpFamily::v4;
    std::memcpy(address.bytes.data(), &step.id.daddr, address.size());
    return address;
}

/// Adds the gateways of one XFRM_MSG_NEWPOLICY; other messages and malformed ones have none.
void note_policy(const nlmsghdr& message, std::set<IpAddress>& gateways) {
    std::array<nlattr*, XFRMA_MAX + 1> found{};
    auto* const raw = const_cast<nlmsghdr*>(&message);  // libnl only reads.
    if (message.nlmsg_type != XFRM_MSG_NEWPOLICY ||
        nlmsg_parse(raw, sizeof(xfrm_userpolicy_info), found.data(), XFRMA_MAX, nullptr) < 0) {
        return;
    }
    const auto policy = copied<xfrm_userpolicy_info>(nlmsg_data(&message));
    const nlattr* const steps = found[XFRMA_TMPL];
    const bool of_interface = found[XFRMA_IF_ID] != nullptr && nla_get_u32(found[XFRMA_IF_ID]) != 0;
    if (policy.dir != XFRM_POLICY_OUT || policy.action != XFRM_POLICY_ALLOW || of_interface ||
        steps == nullptr) {
        return;
    }
    const auto* const first = static_cast<const char*>(nla_data(steps));
    const std::size_t count = static_cast<std::size_t>(nla_len(steps)) / sizeof(xfrm_user_tmpl);
    for (std::size_t i = 0; i < count; ++i) {
        const auto step = copied<xfrm_user_tmpl>(first + i * sizeof(xfrm_user_tmpl));
        if (encrypts_in_tunnel(step) && gateways.size() < kMostGateways) {
            gateways.insert(far_end(step));
        }
    }
}

Result<IpsecGateways> read_gateways() {
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
        std::set<IpAddress> gateways;
        auto socket = NetlinkSocket::open_dumps(kXfrm);
        if (!socket) {
            return std::move(socket).error();
        }
        auto outcome =
            socket->dump<xfrm_userpolicy_id>(XFRM_MSG_GETPOLICY, 1, [&](const nlmsghdr& message) {
                note_policy(message, gateways);
            });
        if (!outcome) {
            return std::move(outcome).error().within("reading the IPsec policies");
        }
        if (*outcome == Dump::complete) {
            return IpsecGateways(gateways.begin(), gateways.end());
        }
    }
    return Error{"reading the IPsec policies kept being interrupted"};
}

}  // namespace

struct IpsecMonitor::Impl {
    NetlinkSocket events;  ///< Only says when to look again.
    IpsecGateways gateways;
};

IpsecMonitor::IpsecMonitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IpsecMonitor::IpsecMonitor(IpsecMonitor&&) noexcept = default;
IpsecMonitor& IpsecMonitor::operator=(IpsecMonitor&&) noexcept = default;
IpsecMonitor::~IpsecMonitor() = default;

Result<IpsecMonitor> IpsecMonitor::open() {
    // A policy that runs out, or moves to another gateway, is announced beside the others.
    auto events =
        NetlinkSocket::open_events(kXfrm, {XFRMNLGRP_POLICY, XFRMNLGRP_EXPIRE, XFRMNLGRP_MIGRATE});
    if (!events) {
        return std::move(events).error();
    }
    auto gateways = read_gateways();
    if (!gateways) {
        return std::move(gateways).error();
    }
    return IpsecMonitor(std::unique_ptr<Impl>(new Impl{*std::move(events), *std::move(gateways)}));
}

int IpsecMonitor::fd() const noexcept {
    return impl_->events.fd();
}

const IpsecGateways& IpsecMonitor::gateways() const noexcept {
    return impl_->gateways;
}

Result<bool> IpsecMonitor::drain() {
    bool news = false;
    const auto lost = impl_->events.drain([&](const nlmsghdr&) { news = true; });
    if (!lost) {
        return lost.error();
    }
    if (!news && !*lost) {
        return false;
    }
    auto now = read_gateways();
    if (!now) {
        return std::move(now).error();
    }
    const bool changed = *now != impl_->gateways;
    impl_->gateways = *std::move(now);
    return changed;
}

}  // namespace ks
