// SPDX-License-Identifier: GPL-2.0-or-later
#include "batch.hpp"

#include "base_chain.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <libnftnl/common.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace ks {

namespace {

constexpr std::size_t kScratchBytes = 128UL * 1024;
/// Elements in one message: their nest must stay below 64 KiB, and no element needs 64 bytes.
constexpr std::size_t kElementsPerMessage = 1000;
constexpr std::uint16_t kBatchGenerationId = 1;  // NFNL_BATCH_GENID.

}  // namespace

Batch::Batch(NftSocket& socket, std::uint32_t generation, const char* table)
    : socket_(socket), table_(table),
      scratch_(std::make_unique_for_overwrite<char[]>(kScratchBytes)) {
    frame(NFNL_MSG_BATCH_BEGIN, 0, socket.next_seq(), generation);
}

NftTable Batch::table_key() const {
    NftTable table{nftnl_table_alloc()};
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_);
    return table;
}

NftSet Batch::set_key(const std::string& name) const {
    NftSet set{nftnl_set_alloc()};
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_);
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
    return set;
}

void Batch::frame(std::uint16_t type, std::uint16_t flags, std::uint32_t seq,
                  std::optional<std::uint32_t> generation) {
    nlmsghdr* const header = mnl_nlmsg_put_header(scratch_.get());
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header->nlmsg_seq = seq;
    auto* const body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    body->nfgen_family = AF_UNSPEC;
    body->version = NFNETLINK_V0;
    body->res_id = htons(NFNL_SUBSYS_NFTABLES);
    if (generation) {
        mnl_attr_put_u32(header, kBatchGenerationId, htonl(*generation));
    }
    bytes_.insert(bytes_.end(), scratch_.get(), scratch_.get() + header->nlmsg_len);
}

void Batch::message(std::uint16_t type, std::uint16_t flags, std::string what,
                    const std::function<void(nlmsghdr*)>& fill) {
    const std::uint32_t seq = socket_.next_seq();
    nlmsghdr* const header =
        nftnl_nlmsg_build_hdr(scratch_.get(), type, number_of(family_), flags, seq);
    fill(header);
    bytes_.insert(bytes_.end(), scratch_.get(), scratch_.get() + header->nlmsg_len);
    what_.emplace(seq, std::move(what));
}

void Batch::create_table(std::uint32_t flags) {
    const NftTable table = table_key();
    nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, flags);
    message(NFT_MSG_NEWTABLE, NLM_F_CREATE, fmt::format("table {} {}", word(family_), table_),
            [&](nlmsghdr* h) { nftnl_table_nlmsg_build_payload(h, table.get()); });
}

void Batch::delete_table() {
    const NftTable table = table_key();
    message(NFT_MSG_DELTABLE, 0, fmt::format("table {} {}", word(family_), table_),
            [&](nlmsghdr* h) { nftnl_table_nlmsg_build_payload(h, table.get()); });
}

void Batch::create(nftnl_chain* chain, const Chain& wanted) {
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, table_);
    message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, fmt::format("chain {}", wanted.name), [&](nlmsghdr* h) {
        if (at_every_device(wanted)) {  // libnftnl knows chains at named devices alone.
            nftnl_chain_unset(chain, NFTNL_CHAIN_HOOKNUM);
            put_hook_at_every_device(h, wanted);
        }
        nftnl_chain_nlmsg_build_payload(h, chain);
    });
}

void Batch::remove_chain(const std::string& name) {
    const NftChain chain{nftnl_chain_alloc()};
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_);
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
    message(NFT_MSG_DELCHAIN, 0, fmt::format("removal of chain {}", name),
            [&](nlmsghdr* h) { nftnl_chain_nlmsg_build_payload(h, chain.get()); });
}

void Batch::append(nftnl_rule* rule, const std::string& what) {
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table_);
    message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, what,
            [&](nlmsghdr* h) { nftnl_rule_nlmsg_build_payload(h, rule); });
}

void Batch::append_veiled_jump(const std::string& chain, const std::string& target) {
    message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, fmt::format("jump of chain {}", chain),
            [&](nlmsghdr* h) {
                mnl_attr_put_strz(h, NFTA_RULE_TABLE, table_);
                mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain.c_str());
                put_veiled_jump(h, target);
            });
}

void Batch::insert(nftnl_rule* rule, std::uint64_t handle, const std::string& what) {
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table_);
    nftnl_rule_set_u64(rule, NFTNL_RULE_POSITION, handle);
    message(NFT_MSG_NEWRULE, NLM_F_CREATE, what,
            [&](nlmsghdr* h) { nftnl_rule_nlmsg_build_payload(h, rule); });
}

void Batch::remove_rule(const std::string& chain, std::uint64_t handle) {
    const NftRule rule{nftnl_rule_alloc()};
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table_);
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
    nftnl_rule_set_u64(rule.get(), NFTNL_RULE_HANDLE, handle);
    message(NFT_MSG_DELRULE, 0, fmt::format("removal of a rule of chain {}", chain),
            [&](nlmsghdr* h) { nftnl_rule_nlmsg_build_payload(h, rule.get()); });
}

void Batch::flush_chain(const std::string& name) {
    const NftRule all{nftnl_rule_alloc()};
    nftnl_rule_set_str(all.get(), NFTNL_RULE_TABLE, table_);
    nftnl_rule_set_str(all.get(), NFTNL_RULE_CHAIN, name.c_str());
    message(NFT_MSG_DELRULE, 0, fmt::format("flush of chain {}", name),
            [&](nlmsghdr* h) { nftnl_rule_nlmsg_build_payload(h, all.get()); });
}

void Batch::create(nftnl_set* set, const std::string& name) {
    nftnl_set_set_str(set, NFTNL_SET_TABLE, table_);
    message(NFT_MSG_NEWSET, NLM_F_CREATE, fmt::format("set {}", name), [&](nlmsghdr* h) {
        // The kernel wants an id to link a set with elements of the same batch; any number will do.
        nftnl_set_set_u32(set, NFTNL_SET_ID, h->nlmsg_seq);
        nftnl_set_nlmsg_build_payload(h, set);
    });
}

void Batch::remove_set(const std::string& name) {
    const NftSet set = set_key(name);
    message(NFT_MSG_DELSET, 0, fmt::format("removal of set {}", name),
            [&](nlmsghdr* h) { nftnl_set_nlmsg_build_payload(h, set.get()); });
}

void Batch::elements(std::uint16_t type, std::uint16_t flags, const std::string& set,
                     const std::vector<std::string>& keys) {
    for (std::size_t first = 0; first < keys.size(); first += kElementsPerMessage) {
        const std::span part =
            std::span(keys).subspan(first, std::min(kElementsPerMessage, keys.size() - first));
        const NftSet holder = set_key(set);
        for (const std::string& key : part) {
            nftnl_set_elem* const element = nftnl_set_elem_alloc();  // The set owns it.
            nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(),
                               static_cast<std::uint32_t>(key.size()));
            nftnl_set_elem_add(holder.get(), element);
        }
        message(type, flags, fmt::format("elements of set {}", set),
                [&](nlmsghdr* h) { nftnl_set_elems_nlmsg_build_payload(h, holder.get()); });
    }
}

void Batch::add_elements(const std::string& set, const std::vector<std::string>& keys) {
    elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, keys);
}

void Batch::add_timed(const std::string& set,
                      const std::map<std::string, std::chrono::nanoseconds>& until) {
    const auto now = since_boot();
    const NftSet holder = set_key(set);
    bool any = false;
    for (const auto& [key, end] : until) {
        const auto left = std::chrono::floor<std::chrono::milliseconds>(end - now).count();
        if (left <= 0) {
            continue;  // Without a timeout it would stay for ever.
        }
        nftnl_set_elem* const element = nftnl_set_elem_alloc();  // The set owns it.
        nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(),
                           static_cast<std::uint32_t>(key.size()));
        nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(left));
        nftnl_set_elem_add(holder.get(), element);
        any = true;
    }
    if (any) {
        message(NFT_MSG_NEWSETELEM, NLM_F_CREATE, fmt::format("elements of set {}", set),
                [&](nlmsghdr* h) { nftnl_set_elems_nlmsg_build_payload(h, holder.get()); });
    }
}

/// An element that ends meanwhile cannot be removed by its key.
void Batch::flush_set(const std::string& name) {
    const NftSet set = set_key(name);
    message(NFT_MSG_DELSETELEM, 0, fmt::format("flush of set {}", name),
            [&](nlmsghdr* h) { nftnl_set_elems_nlmsg_build_payload(h, set.get()); });
}

void Batch::remove_elements(const std::string& set, const std::vector<std::string>& keys) {
    elements(NFT_MSG_DELSETELEM, 0, set, keys);
}

void Batch::create(nftnl_obj* counter, const std::string& name) {
    nftnl_obj_set_str(counter, NFTNL_OBJ_TABLE, table_);
    message(NFT_MSG_NEWOBJ, NLM_F_CREATE, fmt::format("counter {}", name),
            [&](nlmsghdr* h) { nftnl_obj_nlmsg_build_payload(h, counter); });
}

void Batch::remove_counter(const std::string& name) {
    const NftObject counter = make_counter(name);
    nftnl_obj_set_str(counter.get(), NFTNL_OBJ_TABLE, table_);
    message(NFT_MSG_DELOBJ, 0, fmt::format("removal of counter {}", name),
            [&](nlmsghdr* h) { nftnl_obj_nlmsg_build_payload(h, counter.get()); });
}

Status Batch::send(Send how) {
    std::optional<Error> refusal;
    auto sent = (socket_.*how)(bytes_, [&](const nlmsghdr* message) {
        if (message->nlmsg_type != NLMSG_ERROR || refusal) {
            return;
        }
        const int code = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
        if (code == 0) {
            return;
        }
        const auto object = what_.find(message->nlmsg_seq);
        refusal = Error{object == what_.end() ? std::string("kernel refused the transaction")
                                              : "kernel refused " + object->second,
                        code};
    });
    if (refusal) {
        return *std::move(refusal);
    }
    return sent ? Status(Done{}) : std::move(sent).error().within("committing the rules");
}

Status Batch::commit() {
    // Order: no acknowledgement is asked for; see NftSocket.
    frame(NFNL_MSG_BATCH_END, 0, socket_.next_seq(), std::nullopt);
    return send(&NftSocket::transact);
}

Status Batch::rehearse() {
    return send(&NftSocket::rehearse);
}

bool overtaken(const Error& error) {
    return error.sys_errno == ERESTART || error.sys_errno == ETIMEDOUT;
}

}  // namespace ks
