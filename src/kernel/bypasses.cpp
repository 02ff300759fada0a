// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/bypasses.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"
#include "netlink_socket.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

namespace ks {

namespace {

constexpr NetlinkProtocol kRoute{NETLINK_ROUTE, "rtnetlink"};
constexpr NetlinkProtocol kNetfilter{NETLINK_NETFILTER, "nfnetlink"};

template <class Header, int Max>
using Found = std::optional<std::pair<Header, std::array<nlattr*, Max + 1>>>;

/// Header and attributes of a message; nothing where it is malformed.
template <class Header, int Max>
Found<Header, Max> parsed(const nlmsghdr& message) {
    std::pair<Header, std::array<nlattr*, Max + 1>> found{};
    auto* const raw = const_cast<nlmsghdr*>(&message);  // libnl only reads.
    if (nlmsg_parse(raw, sizeof(Header), found.second.data(), Max, nullptr) < 0) {
        return std::nullopt;
    }
    std::memcpy(&found.first, nlmsg_data(&message), sizeof(Header));
    return found;
}

template <std::size_t N>
bool nested(nlattr* attribute, std::array<nlattr*, N>& found) {
    found.fill(nullptr);
    return attribute != nullptr &&
           nla_parse_nested(found.data(), static_cast<int>(N) - 1, attribute, nullptr) >= 0;
}

std::string text_of(const nlattr* attribute) {
    if (attribute == nullptr) {
        return {};
    }
    const std::string_view bytes(static_cast<const char*>(nla_data(attribute)),
                                 static_cast<std::size_t>(nla_len(attribute)));
    return std::string(bytes.substr(0, bytes.find('\0')));
}

/// Source: nf_tables: numbers are in network byte order.
std::optional<std::uint32_t> number_of(const nlattr* attribute) {
    std::uint32_t value = 0;
    if (attribute == nullptr || nla_len(attribute) != sizeof value) {
        return std::nullopt;
    }
    std::memcpy(&value, nla_data(attribute), sizeof value);
    return ntohl(value);
}

class Reader {
  public:
    explicit Reader(const LinkTable& links) : links_(links) {}

    std::vector<std::string> read() {
        note("the filters of tc", read_filters());
        note("the tables of others", read_tables());
        return std::move(said_);
    }

  private:
    void note(const char* what, const Status& done) {
        if (!done) {
            say(fmt::format("{} cannot be read: {}", what, done.error().message()));
        }
    }
    void say(std::string sentence) {
        if (std::ranges::find(said_, sentence) == said_.end()) {
            said_.push_back(std::move(sentence));
        }
    }
    [[nodiscard]] std::string name_of(int index) const {
        const auto link = links_.find(index);
        return link == links_.end() ? fmt::format("interface {}", index) : link->second.name;
    }

    template <class Header>
    Status dump(NetlinkProtocol protocol, std::uint16_t type, const HandleMessage& handle,
                const Header& header = {}) {
        auto socket = NetlinkSocket::open_dumps(protocol);
        if (!socket) {
            return std::move(socket).error();
        }
        const auto outcome = socket->template dump<Header>(type, 1, header, handle);
        return outcome ? Status(Done{}) : Status(outcome.error());
    }

    // --- tc --------------------------------------------------------------------------------------

    /// A place that filters of a device may hang at.
    struct Hanger {
        int device = 0;
        std::uint32_t parent = 0;
        friend auto operator<=>(const Hanger&, const Hanger&) = default;
    };

    Status read_filters() {
        std::set<Hanger> hangers;
        auto listed = dump<tcmsg>(kRoute, RTM_GETQDISC, [&](const nlmsghdr& message) {
            const auto found = parsed<tcmsg, TCA_MAX>(message);
            if (!found) {
                return;
            }
            const std::string kind = text_of(found->second[TCA_KIND]);
            const int device = found->first.tcm_ifindex;
            if (kind == "clsact" || kind == "ingress") {
                hangers.insert({device, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)});
                hangers.insert({device, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)});
            } else if (found->first.tcm_handle != 0) {
                hangers.insert({device, found->first.tcm_handle});
            }
        });
        for (const Hanger& hanger : hangers) {
            tcmsg header{};
            header.tcm_family = AF_UNSPEC;
            header.tcm_ifindex = hanger.device;
            header.tcm_parent = hanger.parent;
            // One without filters, and one that has gone meanwhile, are errors of no interest.
            static_cast<void>(dump<tcmsg>(
                kRoute, RTM_GETTFILTER, [&](const nlmsghdr& message) { add_filter(message); },
                header));
        }
        return listed;
    }

    void add_filter(const nlmsghdr& message) {
        const auto found = parsed<tcmsg, TCA_MAX>(message);
        if (!found || message.nlmsg_type != RTM_NEWTFILTER) {
            return;
        }
        const std::string kind = text_of(found->second[TCA_KIND]);
        const std::string device = name_of(found->first.tcm_ifindex);
        std::array<nlattr*, 64> options{};
        if (!nested(found->second[TCA_OPTIONS], options)) {
            return;
        }
        if (kind == "bpf") {
            say(fmt::format("a BPF program of tc is attached to {}: what it redirects passes no "
                            "rule",
                            device));
        }
        static const std::map<std::string, std::size_t> kActions{
            {"basic", TCA_BASIC_ACT}, {"bpf", TCA_BPF_ACT},           {"flower", TCA_FLOWER_ACT},
            {"fw", TCA_FW_ACT},       {"matchall", TCA_MATCHALL_ACT}, {"u32", TCA_U32_ACT}};
        const auto actions = kActions.find(kind);
        std::array<nlattr*, TCA_ACT_MAX_PRIO + 1> list{};
        if (actions == kActions.end() || !nested(options[actions->second], list)) {
            return;
        }
        for (nlattr* const action : list) {
            add_action(device, action);
        }
    }

    void add_action(const std::string& device, nlattr* action) {
        std::array<nlattr*, TCA_ACT_MAX + 1> parts{};
        std::array<nlattr*, TCA_MIRRED_MAX + 1> mirred{};
        tc_mirred where{};
        if (!nested(action, parts) || text_of(parts[TCA_ACT_KIND]) != "mirred" ||
            !nested(parts[TCA_ACT_OPTIONS], mirred) || mirred[TCA_MIRRED_PARMS] == nullptr ||
            nla_len(mirred[TCA_MIRRED_PARMS]) < static_cast<int>(sizeof where)) {
            return;
        }
        std::memcpy(&where, nla_data(mirred[TCA_MIRRED_PARMS]), sizeof where);
        const int to = static_cast<int>(where.ifindex);
        const auto link = links_.find(to);
        if (link != links_.end() && link->second.kind == "ifb") {
            return;  // Where what comes in waits for its turn, and comes in again.
        }
        const bool copies =
            where.eaction == TCA_EGRESS_MIRROR || where.eaction == TCA_INGRESS_MIRROR;
        say(fmt::format("tc {} of {} to {}: they pass no rule",
                        copies ? "copies packets" : "sends packets", device, name_of(to)));
    }

    // --- nftables --------------------------------------------------------------------------------

    static bool is_ours(const std::string& table) {
        return table == kTable || table == fmt::format("{}-fallback", kTable);
    }

    Status read_tables() {
        constexpr std::uint16_t kSubsystem = NFNL_SUBSYS_NFTABLES << 8;
        auto chains = dump<nfgenmsg>(kNetfilter, kSubsystem | NFT_MSG_GETCHAIN,
                                     [&](const nlmsghdr& message) { add_chain(message); });
        if (!chains) {
            return chains;
        }
        return dump<nfgenmsg>(kNetfilter, kSubsystem | NFT_MSG_GETFLOWTABLE,
                              [&](const nlmsghdr& message) { add_flowtable(message); });
    }

    void add_chain(const nlmsghdr& message) {
        const auto found = parsed<nfgenmsg, NFTA_CHAIN_MAX>(message);
        std::array<nlattr*, NFTA_HOOK_MAX + 1> hook{};
        if (!found || is_ours(text_of(found->second[NFTA_CHAIN_TABLE])) ||
            !nested(found->second[NFTA_CHAIN_HOOK], hook)) {
            return;
        }
        static const std::map<std::uint32_t, const char*> kHooks{{NF_INET_FORWARD, "is forwarded"},
                                                                 {NF_INET_LOCAL_OUT, "is sent"},
                                                                 {NF_INET_POST_ROUTING, "leaves"}};
        const int family = found->first.nfgen_family;
        const auto place =
            kHooks.find(number_of(hook[NFTA_HOOK_HOOKNUM]).value_or(NF_INET_NUMHOOKS));
        const bool of_ip =
            family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
        if (of_ip && place != kHooks.end() &&
            number_of(found->second[NFTA_CHAIN_POLICY]) == std::uint32_t{NF_DROP}) {
            say(fmt::format("table {} {} drops what {} unless its own rules let it pass",
                            family == NFPROTO_INET   ? "inet"
                            : family == NFPROTO_IPV4 ? "ip"
                                                     : "ip6",
                            text_of(found->second[NFTA_CHAIN_TABLE]), place->second));
        }
    }

    void add_flowtable(const nlmsghdr& message) {
        const auto found = parsed<nfgenmsg, NFTA_FLOWTABLE_MAX>(message);
        if (found && !is_ours(text_of(found->second[NFTA_FLOWTABLE_TABLE]))) {
            say(fmt::format("flowtable {} of table {} takes forwarded connections past the rules",
                            text_of(found->second[NFTA_FLOWTABLE_NAME]),
                            text_of(found->second[NFTA_FLOWTABLE_TABLE])));
        }
    }

    const LinkTable& links_;
    std::vector<std::string> said_;
};

}  // namespace

std::vector<std::string> read_bypasses(const LinkTable& links) {
    return Reader(links).read();
}

}  // namespace ks
