// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables_watch.hpp"

#include "socket.hpp"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace ks {

struct NftablesWatch::Impl {
    NftSocket socket;
    std::uint32_t own_port;
};

NftablesWatch::NftablesWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NftablesWatch::NftablesWatch(NftablesWatch&&) noexcept = default;
NftablesWatch& NftablesWatch::operator=(NftablesWatch&&) noexcept = default;
NftablesWatch::~NftablesWatch() = default;

Result<NftablesWatch> NftablesWatch::open(std::uint32_t own_port) {
    auto socket = NftSocket::open();
    if (!socket) {
        return std::move(socket).error();
    }
    if (auto joined = socket->join(NFNLGRP_NFTABLES); !joined) {
        return std::move(joined).error().within("watching nftables");
    }
    return NftablesWatch(std::make_unique<Impl>(Impl{*std::move(socket), own_port}));
}

int NftablesWatch::fd() const noexcept {
    return impl_->socket.fd();
}

Result<std::optional<std::string>> NftablesWatch::drain() {
    std::optional<std::string> who;
    auto read = impl_->socket.drain([&](const nlmsghdr* message) {
        if (message->nlmsg_pid == impl_->own_port) {
            return;
        }
        if (!who) {
            who = "unknown";  // A table that dies with its owner leaves no name.
        }
        if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWGEN) {
            return;
        }
        for_each_attribute(message, [&](const nlattr* attr) {
            if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_NAME) {
                who = mnl_attr_get_str(attr);
            }
        });
    });
    if (!read) {
        if (read.error().sys_errno != ENOBUFS) {
            return std::move(read).error();
        }
        who = "unknown";
    }
    return who;
}

}  // namespace ks
