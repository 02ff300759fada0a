// SPDX-License-Identifier: GPL-2.0-or-later
#include "read.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"
#include "objects.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <libnftnl/common.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace ks {

namespace {

constexpr std::uint32_t kDormant = NFT_TABLE_F_DORMANT;
constexpr std::uint32_t kOwner = 0x2;    // NFT_TABLE_F_OWNER and _PERSIST are younger than the
constexpr std::uint32_t kPersist = 0x4;  // oldest headers that we build with.

/// A request of our table, in a buffer of its own.
class Request {
  public:
    Request(NftSocket& socket, TableFamily family, std::uint16_t type, std::uint16_t flags)
        : header_(nftnl_nlmsg_build_hdr(buffer_.data(), type, number_of(family), flags,
                                        socket.next_seq())) {}
    [[nodiscard]] nlmsghdr* get() const { return header_; }

  private:
    std::array<char, 1024> buffer_{};
    nlmsghdr* header_;
};

struct RulePlace {
    std::string table;
    std::string chain;
};

RulePlace place_of(const nlmsghdr* message) {
    RulePlace place;
    for_each_attribute(message, [&](const nlattr* attr) {
        if (mnl_attr_get_type(attr) == NFTA_RULE_TABLE) {
            place.table = mnl_attr_get_str(attr);
        } else if (mnl_attr_get_type(attr) == NFTA_RULE_CHAIN) {
            place.chain = mnl_attr_get_str(attr);
        }
    });
    return place;
}

/// Reads one consistent picture; `run` fails with EINTR or ENOENT when it changed on the way.
class Reader {
  public:
    Reader(NftSocket& socket, TableFamily family, const char* table)
        : socket_(socket), family_(family), table_(table) {}

    Result<Snapshot> run() {
        const auto before = read_generation(socket_);
        if (!before) {
            return before.error();
        }
        snapshot_.generation = *before;
        auto found = read_header();
        if (!found) {
            return std::move(found).error();
        }
        if (snapshot_.table) {
            for (const auto part : {&Reader::read_chains, &Reader::read_rules, &Reader::read_sets,
                                    &Reader::read_counters}) {
                if (auto done = (this->*part)(); !done) {
                    return std::move(done).error();
                }
            }
        }
        const auto after = read_generation(socket_);
        if (!after) {
            return after.error();
        }
        if (*after != *before) {
            return Error{"the ruleset changed while it was read", EINTR};
        }
        return std::move(snapshot_);
    }

  private:
    Status read_header() {
        const Request request(socket_, family_, NFT_MSG_GETTABLE, NLM_F_ACK);
        const NftTable key{nftnl_table_alloc()};
        nftnl_table_set_str(key.get(), NFTNL_TABLE_NAME, table_);
        nftnl_table_nlmsg_build_payload(request.get(), key.get());
        auto asked = socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftTable table{nftnl_table_alloc()};
            if (nftnl_table_nlmsg_parse(message, table.get()) < 0) {
                return;
            }
            snapshot_.flags = nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS);
            const std::uint32_t owner = nftnl_table_is_set(table.get(), NFTNL_TABLE_OWNER)
                                            ? nftnl_table_get_u32(table.get(), NFTNL_TABLE_OWNER)
                                            : 0;
            snapshot_.table.emplace();
            snapshot_.table->dormant = (snapshot_.flags & kDormant) != 0;
            snapshot_.table->persist = (snapshot_.flags & kPersist) != 0;
            snapshot_.table->owner = owner_from(snapshot_.flags, owner);
            snapshot_.table->owner_port = owner;
        });
        if (!asked && asked.error().sys_errno == ENOENT) {
            return Done{};
        }
        return asked;
    }

    [[nodiscard]] bool ours(const char* table) const {
        return table != nullptr && std::strcmp(table, table_) == 0;
    }

    [[nodiscard]] TableOwner owner_from(std::uint32_t flags, std::uint32_t port) const {
        if ((flags & kOwner) != 0) {
            return port == socket_.port() ? TableOwner::us : TableOwner::somebody;
        }
        return (flags & kPersist) != 0 ? TableOwner::orphan : TableOwner::none;
    }

    Status read_chains() {
        const Request request(socket_, family_, NFT_MSG_GETCHAIN, NLM_F_DUMP);
        return socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftChain chain{nftnl_chain_alloc()};
            if (nftnl_chain_nlmsg_parse(message, chain.get()) < 0 ||
                !ours(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE))) {
                return;
            }
            snapshot_.table->chains.push_back({nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME),
                                               describe_base(chain.get(), family_),
                                               {}});
        });
    }

    Status read_rules() {
        std::ranges::sort(snapshot_.table->chains, {}, &ObservedChain::name);
        const Request request(socket_, family_, NFT_MSG_GETRULE, NLM_F_DUMP);
        const NftRule key{nftnl_rule_alloc()};
        nftnl_rule_set_str(key.get(), NFTNL_RULE_TABLE, table_);
        nftnl_rule_nlmsg_build_payload(request.get(), key.get());
        return socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const RulePlace place = place_of(message);
            const auto chain =
                std::ranges::find(snapshot_.table->chains, place.chain, &ObservedChain::name);
            if (place.table != table_ || chain == snapshot_.table->chains.end()) {
                return;
            }
            // A rule that a library older than the kernel cannot read is a rule all the same.
            const NftRule rule{nftnl_rule_alloc()};
            const bool readable = nftnl_rule_nlmsg_parse(message, rule.get()) >= 0;
            chain->rules.push_back(
                readable ? ObservedRule{describe_expressions(rule.get()), comment_of(rule.get())}
                         : ObservedRule{"[ unknown ]", {}});
        });
    }

    Status read_sets() {
        const Request request(socket_, family_, NFT_MSG_GETSET, NLM_F_DUMP);
        const NftSet key{nftnl_set_alloc()};
        nftnl_set_set_str(key.get(), NFTNL_SET_TABLE, table_);
        nftnl_set_nlmsg_build_payload(request.get(), key.get());
        auto asked = socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftSet set{nftnl_set_alloc()};
            if (nftnl_set_nlmsg_parse(message, set.get()) < 0 ||
                !ours(nftnl_set_get_str(set.get(), NFTNL_SET_TABLE))) {
                return;
            }
            snapshot_.table->sets.push_back(
                {nftnl_set_get_str(set.get(), NFTNL_SET_NAME), describe_key(set.get()), {}});
        });
        if (!asked) {
            return asked;
        }
        std::ranges::sort(snapshot_.table->sets, {}, &ObservedSet::name);
        for (ObservedSet& set : snapshot_.table->sets) {
            if (auto read = read_elements(set); !read) {
                return read;
            }
        }
        return Done{};
    }

    Status read_elements(ObservedSet& observed) {
        const Request request(socket_, family_, NFT_MSG_GETSETELEM, NLM_F_DUMP);
        const NftSet key{nftnl_set_alloc()};
        nftnl_set_set_str(key.get(), NFTNL_SET_TABLE, table_);
        nftnl_set_set_str(key.get(), NFTNL_SET_NAME, observed.name.c_str());
        nftnl_set_elems_nlmsg_build_payload(request.get(), key.get());
        auto asked = socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftSet set{nftnl_set_alloc()};
            if (nftnl_set_elems_nlmsg_parse(message, set.get()) < 0) {
                return;
            }
            auto* const iter = nftnl_set_elems_iter_create(set.get());
            while (nftnl_set_elem* const element = nftnl_set_elems_iter_next(iter)) {
                std::uint32_t length = 0;
                const void* const data = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);
                observed.elements.emplace_back(static_cast<const char*>(data), length);
            }
            nftnl_set_elems_iter_destroy(iter);
        });
        std::ranges::sort(observed.elements);
        return asked;
    }

    Status read_counters() {
        const Request request(socket_, family_, NFT_MSG_GETOBJ, NLM_F_DUMP);
        const NftObject key{nftnl_obj_alloc()};
        nftnl_obj_set_str(key.get(), NFTNL_OBJ_TABLE, table_);
        nftnl_obj_set_u32(key.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
        nftnl_obj_nlmsg_build_payload(request.get(), key.get());
        return socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftObject counter{nftnl_obj_alloc()};
            if (nftnl_obj_nlmsg_parse(message, counter.get()) < 0 ||
                !ours(nftnl_obj_get_str(counter.get(), NFTNL_OBJ_TABLE))) {
                return;
            }
            snapshot_.table->counters[nftnl_obj_get_str(counter.get(), NFTNL_OBJ_NAME)] = {
                nftnl_obj_get_u64(counter.get(), NFTNL_OBJ_CTR_PKTS),
                nftnl_obj_get_u64(counter.get(), NFTNL_OBJ_CTR_BYTES)};
        });
    }

    NftSocket& socket_;
    TableFamily family_;
    const char* table_;
    Snapshot snapshot_;
};

}  // namespace

Result<std::uint32_t> read_generation(NftSocket& socket) {
    const Request request(socket, TableFamily::inet, NFT_MSG_GETGEN, NLM_F_ACK);
    std::uint32_t generation = 0;
    auto asked = socket.ask(request.get(), [&](const nlmsghdr* message) {
        for_each_attribute(message, [&](const nlattr* attr) {
            if (mnl_attr_get_type(attr) == NFTA_GEN_ID) {
                generation = ntohl(mnl_attr_get_u32(attr));
            }
        });
    });
    if (!asked) {
        return std::move(asked).error().within("reading the ruleset generation");
    }
    return generation;
}

Result<Snapshot> read_table(NftSocket& socket, TableFamily family, const char* name) {
    for (int attempt = 0;; ++attempt) {
        auto snapshot = Reader(socket, family, name).run();
        if (snapshot) {
            return snapshot;
        }
        const int failure = snapshot.error().sys_errno;
        const bool disturbed =
            failure == EINTR || failure == ENOENT;  // Gone between two questions.
        if (!disturbed || attempt == kAttempts) {
            return std::move(snapshot).error().within(
                fmt::format("reading the table {} {}", word(family), name));
        }
    }
}

}  // namespace ks
