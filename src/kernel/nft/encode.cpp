// SPDX-License-Identifier: GPL-2.0-or-later
#include "expressions.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "objects.hpp"
#include "set_keys.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <libnftnl/udata.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

namespace ks {

namespace {

constexpr std::uint32_t kLoopbackIndex = 1;
constexpr std::uint32_t kFlagsOffset = 13;  // In the header of TCP. Source: RFC 9293, section 3.1.

/// Matches and verdicts as the expressions of one rule.
class RuleBuilder : private Expressions {
  public:
    RuleBuilder(nftnl_rule* rule, TableFamily table) : Expressions(rule), table_(table) {}
    using Expressions::complete;
    using Expressions::log;

    void add(const std::vector<Match>& matches) {
        for (std::size_t i = 0; i < matches.size(); ++i) {
            if (i + 1 < matches.size() && encode_neighbours(matches[i], matches[i + 1])) {
                ++i;
            } else {
                std::visit([&](const auto& m) { encode(m); }, matches[i]);
            }
        }
    }
    void carry(Carry what) {
        const auto bit = static_cast<std::uint32_t>(what);
        meta(NFT_META_PRIORITY);
        set_bits(bit);
        expr("meta", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_PRIORITY);
            nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, kReg);
        });
    }
    void remember(const FlowSet& flows) {
        load_flow(*this, flows.family);
        expr("dynset", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, kReg);
            nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
            nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, flows.name.c_str());
            nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, 0);  // That of the set.
        });
    }
    void learn(const match::InSet& answers) {
        constexpr std::chrono::milliseconds kTimeout = kAnswerTimeout;
        load_key(*this, answers);
        expr("dynset", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, kReg);
            nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
            nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, answers.set.c_str());
            nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, kTimeout.count());  // As the set's.
        });
    }
    void count(const std::string& counter) {
        expr("objref", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
            nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, counter.c_str());
        });
    }
    void decide(const Rule& rule) {
        switch (rule.verdict) {
        case Verdict::accept:
            return verdict(NF_ACCEPT, {});
        case Verdict::drop:
            return verdict(NF_DROP, {});
        case Verdict::jump:
            return verdict(static_cast<std::uint32_t>(NFT_JUMP), rule.target);
        case Verdict::reject:
            return reject(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
        case Verdict::reject_tcp:
            return reject(NFT_REJECT_TCP_RST, 0);
        case Verdict::next:
            return;
        }
    }

  private:
    void prefix(const Prefix& prefix, bool destination) {
        const IpAddress& address = prefix.address;
        const std::uint32_t offset = address_offset(address.family, destination);
        if (prefix.length % 8 == 0) {
            const std::uint32_t bytes = prefix.length / 8U;
            if (bytes > 0) {
                payload(NFT_PAYLOAD_NETWORK_HEADER, offset, bytes);
                compare(NFT_CMP_EQ, address.bytes.data(), bytes);
            }
            return;
        }
        const auto bytes = static_cast<std::uint32_t>(address.size());
        payload(NFT_PAYLOAD_NETWORK_HEADER, offset, bytes);
        mask(mask_of(address.family, prefix.length).bytes.data(), bytes);
        compare(NFT_CMP_EQ, address.bytes.data(), bytes);
    }
    void ports(const PortRange& ports, bool destination) {
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, destination ? 2 : 0, 2);
        compare(ports);
    }
    using Expressions::compare;
    void compare(const PortRange& ports) {
        const std::uint16_t first = htons(ports.first);
        const std::uint16_t last = htons(ports.last);
        if (first == last) {
            return equals(first);
        }
        compare(NFT_CMP_GTE, &first, sizeof(first));
        compare(NFT_CMP_LTE, &last, sizeof(last));
    }

    /// Two fields side by side are loaded at once, as nft does it: rules that `nft -f` loaded from
    /// our text are the same rules then.
    bool encode_neighbours(const Match& first, const Match& second) {
        const auto* const type = std::get_if<match::IcmpType>(&first);
        const auto* const code = std::get_if<match::IcmpCode>(&second);
        if (type != nullptr && code != nullptr) {
            payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2);
            equals(std::array<std::uint8_t, 2>{type->type, code->code});
            return true;
        }
        const auto* const from = std::get_if<match::SourcePort>(&first);
        const auto* const to = std::get_if<match::DestinationPort>(&second);
        if (from == nullptr || to == nullptr || from->ports.first != from->ports.last ||
            to->ports.first != to->ports.last) {
            return false;
        }
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4);
        equals(std::array<std::uint16_t, 2>{htons(from->ports.first), htons(to->ports.first)});
        return true;
    }

    void encode(const match::InInterface& m) { name(NFT_META_IIFNAME, m.name, m.negated); }
    void encode(const match::OutInterface& m) { name(NFT_META_OIFNAME, m.name, m.negated); }
    void encode(const match::InKind& m) { name(NFT_META_IIFKIND, m.kind); }
    void encode(const match::OutKind& m) { name(NFT_META_OIFKIND, m.kind); }
    void group(std::uint32_t key, std::uint32_t number, bool negated) {
        meta(key);
        compare(negated ? NFT_CMP_NEQ : NFT_CMP_EQ, &number, sizeof number);
    }
    void encode(const match::InGroup& m) { group(NFT_META_IIFGROUP, m.group, m.negated); }
    void encode(const match::OutGroup& m) { group(NFT_META_OIFGROUP, m.group, m.negated); }
    void encode(const match::InLoopback&) {
        meta(NFT_META_IIF);
        equals(kLoopbackIndex);
    }
    void encode(const match::OutLoopback&) {
        meta(NFT_META_OIF);
        equals(kLoopbackIndex);
    }
    void encode(const match::Family& m) {
        if (table_ == TableFamily::netdev) {  // There `meta nfproto` is always "netdev".
            meta(NFT_META_PROTOCOL);
            const std::uint16_t type = m.family == IpFamily::v4 ? ETH_P_IP : ETH_P_IPV6;
            return equals(htons(type));
        }
        meta(NFT_META_NFPROTO);
        equals(static_cast<std::uint8_t>(m.family == IpFamily::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
    }
    void encode(const match::Source& m) { prefix(m.prefix, /*destination=*/false); }
    void encode(const match::Destination& m) { prefix(m.prefix, /*destination=*/true); }
    void encode(const match::Protocol& m) {
        meta(NFT_META_L4PROTO);
        equals(m.number);
    }
    void encode(const match::SourcePort& m) { ports(m.ports, /*destination=*/false); }
    void encode(const match::DestinationPort& m) { ports(m.ports, /*destination=*/true); }
    void encode(const match::IcmpType& m) {
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
        equals(m.type);
    }
    void encode(const match::IcmpCode& m) {
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, 1, 1);
        equals(m.code);
    }
    void encode(const match::InnerDestination& m) {
        // Behind 8 bytes of ICMP comes the header of the packet that did not fit.
        constexpr std::uint32_t kIcmpHeader = 8;
        const auto bytes = static_cast<std::uint32_t>(m.address.size());
        payload(NFT_PAYLOAD_TRANSPORT_HEADER,
                kIcmpHeader + address_offset(m.address.family, /*destination=*/true), bytes);
        compare(NFT_CMP_EQ, m.address.bytes.data(), bytes);
    }
    void encode(const match::CtEstablished&) {
        // Source: linux/netfilter/nf_conntrack_common.h, NF_CT_STATE_BIT.
        constexpr std::uint32_t kEstablishedOrRelated = 0x2 | 0x4;
        constexpr std::uint32_t kNone = 0;
        conntrack(NFT_CT_STATE);
        mask(&kEstablishedOrRelated, sizeof(kEstablishedOrRelated));
        compare(NFT_CMP_NEQ, &kNone, sizeof(kNone));
    }
    void encode(const match::CtReply&) {
        constexpr std::uint8_t kReplyDirection = 1;
        conntrack(NFT_CT_DIRECTION);
        equals(kReplyDirection);
    }
    void encode(const match::Translated& m) {
        constexpr std::uint32_t kDestinationTranslated = 1U << 5U;  // IPS_DST_NAT
        constexpr std::uint32_t kNone = 0;
        conntrack(NFT_CT_STATUS);
        mask(&kDestinationTranslated, sizeof(kDestinationTranslated));
        compare(NFT_CMP_NEQ, &kNone, sizeof(kNone));
        if (m.ports) {
            conntrack_original(NFT_CT_PROTO_DST);
            compare(*m.ports);
        }
    }
    void encode(const match::ArpTarget& m) {
        constexpr std::uint32_t kTargetAddress = 24;  // Source: RFC 826, for Ethernet and IPv4.
        payload(NFT_PAYLOAD_NETWORK_HEADER, kTargetAddress, 4);
        compare(NFT_CMP_EQ, m.address.bytes.data(), 4);
    }
    void encode(const match::EtherType& m) {
        constexpr std::uint32_t kBehindAddresses = 12;
        constexpr std::uint32_t kBehindTag = 16;
        payload(NFT_PAYLOAD_LL_HEADER, m.tagged ? kBehindTag : kBehindAddresses, 2);
        equals(htons(m.type));
    }
    void encode(const match::SpanningTree&) {
        constexpr std::array<std::uint8_t, 6> kGroup{0x01, 0x80, 0xc2, 0, 0, 0};
        constexpr std::uint32_t kBehindLength = 14;
        constexpr std::uint16_t kServiceAccessPoints = 0x4242;
        payload(NFT_PAYLOAD_LL_HEADER, 0, kGroup.size());
        equals(kGroup);
        payload(NFT_PAYLOAD_LL_HEADER, kBehindLength, 2);
        equals(htons(kServiceAccessPoints));
    }
    void encode(const match::VlanId& m) {
        constexpr std::uint32_t kInTag = 14;
        constexpr std::uint32_t kInSecondTag = 18;
        const std::uint16_t number = htons(0x0fff);  // Beside it stand priority and drop bit.
        payload(NFT_PAYLOAD_LL_HEADER, m.tagged ? kInSecondTag : kInTag, 2);
        mask(&number, sizeof number);
        equals(htons(m.id));
    }
    void encode(const match::LaterFragment& m) {
        // Source: RFC 791, section 3.1; RFC 8200, section 4.5.
        constexpr std::uint32_t kOffsetInIp = 6, kOffsetInFragmentHeader = 2;
        const std::uint16_t none = 0;
        const std::uint16_t offset = htons(m.family == IpFamily::v4 ? 0x1fff : 0xfff8);
        if (m.family == IpFamily::v4) {
            payload(NFT_PAYLOAD_NETWORK_HEADER, kOffsetInIp, 2);
        } else {
            expr("exthdr", [&](nftnl_expr* e) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, kReg);
                nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
                nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, kOffsetInFragmentHeader);
                nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 2);
                nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
            });
        }
        mask(&offset, sizeof offset);
        compare(NFT_CMP_NEQ, &none, sizeof none);
    }
    void encode(const match::HopLimit& m) {
        payload(NFT_PAYLOAD_NETWORK_HEADER, 7, 1);
        equals(m.value);
    }
    void encode(const match::TcpNotOpening&) {
        constexpr std::uint8_t kSyn = 0x02;
        constexpr std::uint8_t kSynAck = 0x12;
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, kFlagsOffset, 1);
        mask(&kSynAck, 1);
        compare(NFT_CMP_NEQ, &kSyn, 1);
    }
    void encode(const match::TcpFlags& m) {
        payload(NFT_PAYLOAD_TRANSPORT_HEADER, kFlagsOffset, 1);
        mask(&m.flags, 1);
        compare(NFT_CMP_EQ, &m.flags, 1);
    }
    void encode(const match::Mark& m) {
        meta(NFT_META_MARK);
        if (m.mask != 0xffffffff) {
            mask(&m.mask, sizeof(m.mask));
        }
        compare(m.negated ? NFT_CMP_NEQ : NFT_CMP_EQ, &m.value, sizeof m.value);
    }
    void encode(const match::User& m) {
        meta(NFT_META_SKUID);
        equals(m.uid);
    }
    void encode(const match::Group& m) {
        meta(NFT_META_SKGID);
        equals(m.gid);
    }
    void encode(const match::HasUser&) {
        constexpr std::uint32_t kNobody = 0xffffffff;  // Never the id of a user.
        meta(NFT_META_SKUID);
        compare(NFT_CMP_NEQ, &kNobody, sizeof kNobody);
    }
    void encode(const match::Cgroup& m) {
        expr("socket", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
            nftnl_expr_set_u32(e, NFTNL_EXPR_SOCKET_DREG, kReg);
            nftnl_expr_set_u32(e, NFTNL_EXPR_SOCKET_LEVEL,
                               static_cast<std::uint32_t>(std::ranges::count(m.path, '/') + 1));
        });
        equals(m.id);
    }
    void encode(const match::Carried& m) {
        const auto bit = static_cast<std::uint32_t>(m.what);
        meta(NFT_META_PRIORITY);
        mask(&bit, sizeof bit);
        equals(bit);
    }
    void encode(const match::ToEncrypt&) {
        expr("rt", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_RT_KEY, NFT_RT_XFRM);
            nftnl_expr_set_u32(e, NFTNL_EXPR_RT_DREG, kReg);
        });
        equals(std::uint8_t{1});
    }
    void encode(const match::Decrypted&) {
        meta(NFT_META_SECPATH);
        equals(std::uint8_t{1});
    }
    void encode(const match::InSet& m) {
        load_key(*this, m);
        expr("lookup", [&](nftnl_expr* e) {
            nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, kReg);
            nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, m.set.c_str());
            nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, 0);  // The kernel reports it always.
        });
    }

    TableFamily table_;
};

bool set_comment(nftnl_rule* rule, const std::string& comment) {
    using Udata = CHandle<nftnl_udata_buf, nftnl_udata_buf_free>;
    constexpr std::uint32_t kUdataBytes = 256;
    const Udata udata{nftnl_udata_buf_alloc(kUdataBytes)};
    if (!udata || !nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_RULE_COMMENT, comment.c_str())) {
        return false;
    }
    nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata.get()),
                        nftnl_udata_buf_len(udata.get()));
    return true;
}

}  // namespace

NftRule make_rule(const std::string& chain, const Rule& rule, TableFamily family) {
    NftRule made{nftnl_rule_alloc()};
    if (!made) {
        return nullptr;
    }
    nftnl_rule_set_str(made.get(), NFTNL_RULE_TABLE, kTable);
    nftnl_rule_set_str(made.get(), NFTNL_RULE_CHAIN, chain.c_str());
    RuleBuilder builder(made.get(), family);
    builder.add(rule.matches);
    if (rule.remember) {
        builder.remember(*rule.remember);
    }
    if (rule.carry != Carry::none) {
        builder.carry(rule.carry);
    }
    if (rule.learn) {
        builder.learn(*rule.learn);
    }
    if (!rule.counter.empty()) {
        builder.count(rule.counter);
    }
    if (rule.log) {
        builder.log(*rule.log);
    }
    builder.decide(rule);
    const bool commented = rule.comment.empty() || set_comment(made.get(), rule.comment);
    return builder.complete() && commented ? std::move(made) : nullptr;
}

}  // namespace ks
