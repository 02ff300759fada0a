// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/nftables_watch.hpp"

#include "read.hpp"
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

namespace {

constexpr const char* kUnknown = "unknown";

}  // namespace

struct NftablesWatch::Impl {
    /// Reads what is queued. \return the last program that a message names, "unknown" where none
    /// does, or nothing without a message; ENOBUFS after an overrun.
    [[nodiscard]] Result<std::optional<std::string>> take();

    NftSocket socket;
    NftSocket asking;  ///< Hears no notifications.
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
    auto asking = NftSocket::open();
    if (!asking) {
        return std::move(asking).error();
    }
    return NftablesWatch(
        std::make_unique<Impl>(Impl{*std::move(socket), *std::move(asking), own_port}));
}

int NftablesWatch::fd() const noexcept {
    return impl_->socket.fd();
}

Result<std::optional<std::string>> NftablesWatch::Impl::take() {
    std::optional<std::string> who;
    auto read = socket.drain([&](const nlmsghdr* message) {
        if (message->nlmsg_pid == own_port) {
            return;
        }
        if (!who) {
            who = kUnknown;  // A table that dies with its owner leaves no name.
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
        return std::move(read).error();
    }
    return who;
}

Result<std::optional<std::string>> NftablesWatch::drain() {
    auto who = impl_->take();
    if (who && *who == kUnknown) {
        // The name comes last of what the kernel says about a transaction.
        await_transaction(impl_->asking);
        if (auto more = impl_->take(); !more || *more) {
            who = std::move(more);
        }
    }
    const bool overrun = !who && who.error().sys_errno == ENOBUFS;
    return overrun ? std::optional<std::string>(kUnknown) : std::move(who);
}

}  // namespace ks
