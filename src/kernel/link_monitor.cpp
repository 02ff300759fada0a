// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/link_monitor.hpp"

#include "link_messages.hpp"
#include "netlink_socket.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <linux/rtnetlink.h>

namespace ks {

namespace {

constexpr NetlinkProtocol kRoute{NETLINK_ROUTE, "rtnetlink"};

template <class Header>
Result<Dump> dump_part(NetlinkSocket& socket, std::uint16_t type, std::uint32_t sequence,
                       LinkPicture& picture, const char* what) {
    auto read = socket.dump<Header>(type, sequence,
                                    [&](const nlmsghdr& message) { picture.apply(message); });
    return read ? read : Result<Dump>(std::move(read).error().within(what));
}

Result<Dump> dump_once(LinkPicture& picture) {
    auto socket = NetlinkSocket::open_dumps(kRoute);
    if (!socket) {
        return std::move(socket).error();
    }
    auto outcome = dump_part<ifinfomsg>(*socket, RTM_GETLINK, 1, picture, "link dump");
    if (outcome && *outcome == Dump::complete) {
        outcome = dump_part<ifaddrmsg>(*socket, RTM_GETADDR, 2, picture, "address dump");
    }
    if (outcome && *outcome == Dump::complete) {
        outcome = dump_part<rtmsg>(*socket, RTM_GETROUTE, 3, picture, "route dump");
    }
    return outcome;
}

Result<LinkPicture> dump() {
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
        LinkPicture picture;
        const auto outcome = dump_once(picture);
        if (!outcome) {
            return outcome.error();
        }
        if (*outcome == Dump::complete) {
            return picture;
        }
    }
    return Error{"link dump kept being interrupted"};
}

}  // namespace

struct LinkMonitor::Impl {
    NetlinkSocket events;  ///< Multicast only; dumps use their own socket so the two never mix.
    LinkPicture picture;
    std::uint64_t overruns = 0;
};

LinkMonitor::LinkMonitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkMonitor::LinkMonitor(LinkMonitor&&) noexcept = default;
LinkMonitor& LinkMonitor::operator=(LinkMonitor&&) noexcept = default;
LinkMonitor::~LinkMonitor() = default;

Result<LinkMonitor> LinkMonitor::open() {
    auto events =
        NetlinkSocket::open_events(kRoute, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                            RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE});
    if (!events) {
        return std::move(events).error();
    }
    auto picture = dump();
    if (!picture) {
        return std::move(picture).error().within("reading the links");
    }
    return LinkMonitor(std::unique_ptr<Impl>(new Impl{*std::move(events), *std::move(picture), 0}));
}

int LinkMonitor::fd() const noexcept {
    return impl_->events.fd();
}

const LinkTable& LinkMonitor::links() const noexcept {
    return impl_->picture.links();
}

std::uint64_t LinkMonitor::overruns() const noexcept {
    return impl_->overruns;
}

std::vector<std::string> LinkMonitor::take_moved() {
    return impl_->picture.take_moved();
}

Result<bool> LinkMonitor::drain() {
    const LinkTable before = links();
    const auto lost =
        impl_->events.drain([this](const nlmsghdr& message) { impl_->picture.apply(message); });
    if (!lost) {
        return lost.error();
    }
    if (*lost) {  // Order: only on an empty queue; an older message applied later would undo the
                  // dump.
        ++impl_->overruns;
        auto picture = dump();
        if (!picture) {
            return std::move(picture).error().within("recovering from netlink overrun");
        }
        impl_->picture = *std::move(picture);
    }
    return links() != before;
}

Result<LinkTable> read_links() {
    auto picture = dump();
    if (!picture) {
        return std::move(picture).error().within("reading the links");
    }
    return picture->links();
}

}  // namespace ks
