// SPDX-License-Identifier: GPL-2.0-or-later
#include "read.hpp"

#include "base_chain.hpp"
#include "batch.hpp"
#include "decode.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/time.hpp"
#include "objects.hpp"
#include "operand.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <endian.h>
#include <optional>
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

constexpr std::uint16_t kEveryFamily = NFPROTO_UNSPEC;

/// A question, in a buffer of its own.
class Request {
  public:
    Request(NftSocket& socket, std::uint16_t family, std::uint16_t type, std::uint16_t flags)
        : header_(nftnl_nlmsg_build_hdr(buffer_.data(), type, family, flags, socket.next_seq())) {}
    [[nodiscard]] nlmsghdr* get() const { return header_; }
    /// \param attribute  Of the table's name in a message of this type.
    Request& about(std::uint16_t attribute, const char* table) {
        mnl_attr_put_strz(header_, attribute, table);
        return *this;
    }

  private:
    std::array<char, 1024> buffer_{};
    nlmsghdr* header_;
};

/// The text of one attribute, or "" where the message has none of that type.
const char* text_of(const nlmsghdr* message, std::uint16_t attribute) {
    const char* text = "";
    for_each_attribute(message, [&](const nlattr* attr) {
        if (mnl_attr_get_type(attr) == attribute) {
            text = mnl_attr_get_str(attr);
        }
    });
    return text;
}

std::uint16_t family_of(const nlmsghdr* message) {
    return static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message))->nfgen_family;
}

/// Reads one consistent snapshot; `run` fails with EINTR or ENOENT when it changed on the way.
class Reader {
  public:
    Reader(NftSocket& socket, const char* name) : socket_(socket), name_(name) {}

    Result<Snapshot> run() {
        const auto before = read_generation(socket_);
        if (!before) {
            return before.error();
        }
        snapshot_.generation = *before;
        // Order: only now is every object of that number seen, and whoever commits later counts on.
        await_transaction(socket_);
        if (auto done = read_tables(); !done) {
            return std::move(done).error();
        }
        if (!snapshot_.tables.empty()) {
            for (const auto part : {&Reader::read_chains, &Reader::read_rules, &Reader::read_sets,
                                    &Reader::read_objects, &Reader::read_flowtables}) {
                if (auto done = (this->*part)(); !done) {
                    return std::move(done).error();
                }
            }
        }
        // Order: whoever was at work on the lists meanwhile has counted when this returns.
        await_transaction(socket_);
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
    Status read_tables() {
        const Request request(socket_, kEveryFamily, NFT_MSG_GETTABLE, NLM_F_DUMP);
        return socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftTable table{nftnl_table_alloc()};
            const TableFamily* const family = known_family(message);
            if (family == nullptr || nftnl_table_nlmsg_parse(message, table.get()) < 0) {
                return;
            }
            const std::string name = nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME);
            snapshot_.fallback = snapshot_.fallback || name == kFallbackTable;
            if (name != name_) {
                return;
            }
            const std::uint32_t owner = nftnl_table_is_set(table.get(), NFTNL_TABLE_OWNER)
                                            ? nftnl_table_get_u32(table.get(), NFTNL_TABLE_OWNER)
                                            : 0;
            const std::uint32_t flags = nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS);
            ObservedTable& observed = snapshot_.tables[*family];
            observed.dormant = (flags & kDormant) != 0;
            observed.persist = (flags & kPersist) != 0;
            observed.owner = owner_from(flags, owner);
            observed.owner_port = owner;
        });
    }

    /// Null for a family that we have no tables of.
    static const TableFamily* known_family(const nlmsghdr* message) {
        const auto* const found = std::ranges::find(kFamilies, family_of(message), number_of);
        return found == kFamilies.end() ? nullptr : found;
    }

    /// The table that a message is about, null when it is none of those that are read.
    ObservedTable* table_of(const nlmsghdr* message, std::uint16_t attribute) {
        const TableFamily* const family = known_family(message);
        if (family == nullptr || std::strcmp(text_of(message, attribute), name_) != 0) {
            return nullptr;
        }
        const auto table = snapshot_.tables.find(*family);
        return table == snapshot_.tables.end() ? nullptr : &table->second;
    }

    [[nodiscard]] TableOwner owner_from(std::uint32_t flags, std::uint32_t port) const {
        if ((flags & kOwner) != 0) {
            return port == socket_.port() ? TableOwner::us : TableOwner::somebody;
        }
        return (flags & kPersist) != 0 ? TableOwner::orphan : TableOwner::none;
    }

    /// Asks once for each table there is.
    template <class Ask>
    Status each_table(Ask ask) {
        for (auto& [family, table] : snapshot_.tables) {
            if (auto done = ask(family, table); !done) {
                return done;
            }
        }
        return Done{};
    }

    Status read_chains() {
        return each_table([&](TableFamily family, ObservedTable& table) {
            const Request request(socket_, number_of(family), NFT_MSG_GETCHAIN, NLM_F_DUMP);
            auto asked = socket_.ask(request.get(), [&](const nlmsghdr* message) {
                if (table_of(message, NFTA_CHAIN_TABLE) == &table) {
                    table.chains.push_back(
                        {text_of(message, NFTA_CHAIN_NAME), base_in(message, family), {}});
                }
            });
            std::ranges::sort(table.chains, {}, &ObservedChain::name);
            return asked;
        });
    }

    Status read_rules() {
        // One question for all ends with the first table of that name.
        return each_table([&](TableFamily family, ObservedTable& table) {
            Request request(socket_, number_of(family), NFT_MSG_GETRULE, NLM_F_DUMP);
            request.about(NFTA_RULE_TABLE, name_);
            return socket_.ask(request.get(), [&](const nlmsghdr* message) {
                const auto chain = std::ranges::find(
                    table.chains, text_of(message, NFTA_RULE_CHAIN), &ObservedChain::name);
                if (table_of(message, NFTA_RULE_TABLE) == &table && chain != table.chains.end()) {
                    chain->rules.push_back(rule_from(message));
                }
            });
        });
    }

    /// A rule that a library older than the kernel cannot read is a rule all the same.
    static ObservedRule rule_from(const nlmsghdr* message) {
        ObservedRule observed{"[ unknown ]", {}, 0, expressions_in(message)};
        for_each_attribute(message, [&](const nlattr* attr) {
            if (mnl_attr_get_type(attr) == NFTA_RULE_HANDLE) {
                observed.handle = be64toh(mnl_attr_get_u64(attr));
            }
        });
        const NftRule rule{nftnl_rule_alloc()};
        if (nftnl_rule_nlmsg_parse(message, rule.get()) >= 0) {
            observed.expressions = describe_expressions(rule.get());
            observed.comment = comment_of(rule.get());
        } else if (std::string jump = veiled_jump_in(message); !jump.empty()) {
            observed.expressions = std::move(jump);
        }
        return observed;
    }

    Status read_sets() {
        return each_table([&](TableFamily family, ObservedTable& table) {
            Request request(socket_, number_of(family), NFT_MSG_GETSET, NLM_F_DUMP);
            request.about(NFTA_SET_TABLE, name_);
            auto asked = socket_.ask(request.get(), [&](const nlmsghdr* message) {
                const NftSet set{nftnl_set_alloc()};
                if (table_of(message, NFTA_SET_TABLE) == &table &&
                    nftnl_set_nlmsg_parse(message, set.get()) >= 0) {
                    const std::uint32_t flags = nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS);
                    table.sets.push_back({nftnl_set_get_str(set.get(), NFTNL_SET_NAME),
                                          describe_key(set.get()),
                                          {},
                                          (flags & NFT_SET_ANONYMOUS) != 0,
                                          (flags & NFT_SET_EVAL) != 0});
                }
            });
            std::ranges::sort(table.sets, {}, &ObservedSet::name);
            for (ObservedSet& set : table.sets) {
                if (asked && !set.by_rules) {
                    asked = read_elements(family, set);
                }
            }
            return asked;
        });
    }

    Status read_elements(TableFamily family, ObservedSet& observed) {
        Request request(socket_, number_of(family), NFT_MSG_GETSETELEM, NLM_F_DUMP);
        request.about(NFTA_SET_ELEM_LIST_TABLE, name_)
            .about(NFTA_SET_ELEM_LIST_SET, observed.name.c_str());
        const auto asked_at = since_boot();  // Before: what is read never ends later than it does.
        auto asked = socket_.ask(request.get(), [&](const nlmsghdr* message) {
            const NftSet set{nftnl_set_alloc()};
            if (nftnl_set_elems_nlmsg_parse(message, set.get()) < 0) {
                return;
            }
            auto* const iter = nftnl_set_elems_iter_create(set.get());
            while (nftnl_set_elem* const element = nftnl_set_elems_iter_next(iter)) {
                std::uint32_t length = 0;
                const void* const data = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);
                std::string key(static_cast<const char*>(data), length);
                if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_EXPIRATION)) {
                    observed.timed[std::move(key)] =
                        asked_at + std::chrono::milliseconds(
                                       nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION));
                } else {
                    observed.elements.push_back(std::move(key));
                }
            }
            nftnl_set_elems_iter_destroy(iter);
        });
        std::ranges::sort(observed.elements);
        return asked;
    }

    Status read_objects() {
        Request request(socket_, kEveryFamily, NFT_MSG_GETOBJ, NLM_F_DUMP);
        request.about(NFTA_OBJ_TABLE, name_);
        return socket_.ask(request.get(), [&](const nlmsghdr* message) {
            ObservedTable* const table = table_of(message, NFTA_OBJ_TABLE);
            if (table == nullptr) {
                return;
            }
            std::uint32_t type = NFT_OBJECT_UNSPEC;
            for_each_attribute(message, [&](const nlattr* attr) {
                if (mnl_attr_get_type(attr) == NFTA_OBJ_TYPE) {
                    type = ntohl(mnl_attr_get_u32(attr));
                }
            });
            const NftObject counter{nftnl_obj_alloc()};
            if (type == NFT_OBJECT_COUNTER && nftnl_obj_nlmsg_parse(message, counter.get()) >= 0) {
                table->counters[text_of(message, NFTA_OBJ_NAME)] = {
                    nftnl_obj_get_u64(counter.get(), NFTNL_OBJ_CTR_PKTS),
                    nftnl_obj_get_u64(counter.get(), NFTNL_OBJ_CTR_BYTES)};
            } else {
                table->objects.push_back({object_word(type), text_of(message, NFTA_OBJ_NAME)});
            }
        });
    }

    Status read_flowtables() {
        Request request(socket_, kEveryFamily, NFT_MSG_GETFLOWTABLE, NLM_F_DUMP);
        request.about(NFTA_FLOWTABLE_TABLE, name_);
        return socket_.ask(request.get(), [&](const nlmsghdr* message) {
            if (ObservedTable* const table = table_of(message, NFTA_FLOWTABLE_TABLE)) {
                table->objects.push_back({"flowtable", text_of(message, NFTA_FLOWTABLE_NAME)});
            }
        });
    }

    NftSocket& socket_;
    const char* name_;
    Snapshot snapshot_;
};

}  // namespace

void await_transaction(NftSocket& socket) {
    constexpr std::uint32_t kAnyGeneration = 0;
    // Whoever may not send it may not read either, and hears so next.
    static_cast<void>(Batch(socket, kAnyGeneration).commit());
}

Result<std::uint32_t> read_generation(NftSocket& socket) {
    const Request request(socket, kEveryFamily, NFT_MSG_GETGEN, NLM_F_ACK);
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

Result<Snapshot> read_snapshot(NftSocket& socket, const char* name) {
    for (int attempt = 0;; ++attempt) {
        auto snapshot = Reader(socket, name).run();
        if (snapshot) {
            return snapshot;
        }
        const int failure = snapshot.error().sys_errno;
        const bool disturbed =
            failure == EINTR || failure == ENOENT;  // Gone between two questions.
        if (!disturbed || attempt == kAttempts) {
            return std::move(snapshot).error().within(fmt::format("reading the tables {}", name));
        }
    }
}

}  // namespace ks
