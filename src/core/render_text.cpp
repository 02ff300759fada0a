// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/render_text.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "render_set.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

std::string_view ip_word(IpFamily family) {
    return family == IpFamily::v4 ? "ip" : "ip6";
}

std::string ports_text(const PortRange& ports) {
    return ports.first == ports.last ? std::to_string(ports.first)
                                     : fmt::format("{}-{}", ports.first, ports.last);
}

std::string icmpv6_word(std::uint8_t type) {
    constexpr std::array<std::pair<std::uint8_t, std::string_view>, 4> kNames{{
        {133, "nd-router-solicit"},
        {134, "nd-router-advert"},
        {135, "nd-neighbor-solicit"},
        {136, "nd-neighbor-advert"},
    }};
    for (const auto& [number, name] : kNames) {
        if (number == type) {
            return std::string(name);
        }
    }
    return std::to_string(type);
}

/// What leaves the network of an address; nothing where that is the whole address.
std::string mask_text(const SetKey& key) {
    const IpAddress mask = mask_of(key.family, key.length);
    return key.length == mask.bits() ? std::string() : fmt::format(" & {}", mask.str());
}

std::string flow_text(IpFamily family) {
    return fmt::format("{0} saddr . th sport . {0} daddr . th dport", ip_word(family));
}

/// The far side and our port.
std::string answer_text(const match::InSet& m) {
    const bool to = m.far == match::InSet::Far::destination;
    return fmt::format("{} {} . udp {} . udp {}", ip_word(m.key.family), to ? "daddr" : "saddr",
                       to ? "dport" : "sport", to ? "sport" : "dport");
}

std::string set_text(const match::InSet& m) {
    const bool to = m.far == match::InSet::Far::destination;
    const char* const interface = to ? "oifname" : "iifname";
    const auto address = fmt::format("{} {}", ip_word(m.key.family), to ? "daddr" : "saddr");
    switch (m.key.of) {
    case SetKey::Of::address:
        return fmt::format("{} @{}", address, m.set);
    case SetKey::Of::endpoint:
        return fmt::format("{} . meta l4proto . th {} @{}", address, to ? "dport" : "sport", m.set);
    case SetKey::Of::network:
        return fmt::format("{}{} @{}", address, mask_text(m.key), m.set);
    case SetKey::Of::interface:
        return fmt::format("{} @{}", interface, m.set);
    case SetKey::Of::link_network:
        return fmt::format("{} . {}{} @{}", interface, address, mask_text(m.key), m.set);
    case SetKey::Of::flow:
        return fmt::format("{} @{}", flow_text(m.key.family), m.set);
    case SetKey::Of::answer:
        return fmt::format("{} @{}", answer_text(m), m.set);
    case SetKey::Of::packet_type:
        return fmt::format("meta pkttype @{}", m.set);
    case SetKey::Of::user:
        return fmt::format("meta skuid @{}", m.set);
    }
    return {};
}

/// "rst | ack"
std::string flags_text(std::uint8_t flags) {
    constexpr std::array<std::string_view, 5> kWords{"fin", "syn", "rst", "psh", "ack"};
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < kWords.size(); ++i) {
        if ((flags >> i & 1U) != 0) {
            words.push_back(kWords[i]);
        }
    }
    return fmt::format("{}", fmt::join(words, " | "));
}

std::string mark_text(const match::Mark& m) {
    return m.mask == 0xffffffff
               ? fmt::format("meta mark {}0x{:08x}", m.negated ? "!= " : "", m.value)
               : fmt::format("meta mark & 0x{:08x} {} 0x{:08x}", m.mask,
                             m.negated ? "!=" : "==", m.value);
}

/// nft writes priorities as classes of traffic control.
std::string class_text(Carry carry) {
    return fmt::format("{:x}:0", static_cast<std::uint32_t>(carry) >> 16U);
}

/// Writes the matches of one rule, leaving out what nft implies from the next word: `ip daddr`
/// contains the family, `udp dport` the protocol.
class MatchWriter {
  public:
    MatchWriter(const std::vector<Match>& matches, TableFamily table) : table_(table) {
        for (const Match& match : matches) {
            std::visit([&](const auto& m) { write(m); }, match);
        }
        flush_family();
        flush_protocol();
    }

    std::vector<std::string> words;

  private:
    void flush_family() {
        if (family_) {
            const bool v4 = *family_ == IpFamily::v4;
            words.push_back(table_ == TableFamily::netdev
                                ? fmt::format("meta protocol {}", ip_word(*family_))
                                : fmt::format("meta nfproto {}", v4 ? "ipv4" : "ipv6"));
            family_.reset();
        }
    }
    void flush_protocol() {
        if (protocol_) {
            words.push_back(fmt::format("meta l4proto {}", proto::name(*protocol_)));
            protocol_.reset();
        }
    }
    void add(std::string text) {
        flush_family();
        flush_protocol();
        words.push_back(std::move(text));
    }
    void add_implying_family(std::string text) {
        family_.reset();
        add(std::move(text));
    }
    void add_implying_protocol(std::string text) {
        flush_family();
        protocol_.reset();
        words.push_back(std::move(text));
    }
    /// The word of the protocol that a port belongs to; stays known for a second port.
    void add_ports(std::string_view side, const PortRange& ports) {
        add_implying_protocol(
            fmt::format("{} {} {}", proto::name(ports_of_), side, ports_text(ports)));
    }

    static std::string_view sign(bool negated) { return negated ? "!= " : ""; }

    void write(const match::InInterface& m) {
        add(fmt::format("iifname {}\"{}\"", sign(m.negated), m.name));
    }
    void write(const match::OutInterface& m) {
        add(fmt::format("oifname {}\"{}\"", sign(m.negated), m.name));
    }
    void write(const match::InKind& m) { add(fmt::format("meta iifkind \"{}\"", m.kind)); }
    void write(const match::OutKind& m) { add(fmt::format("meta oifkind \"{}\"", m.kind)); }
    void write(const match::InGroup& m) {
        add(fmt::format("iifgroup {}{}", sign(m.negated), m.group));
    }
    void write(const match::OutGroup& m) {
        add(fmt::format("oifgroup {}{}", sign(m.negated), m.group));
    }
    void write(const match::InLoopback&) { add("iif \"lo\""); }
    void write(const match::OutLoopback&) { add("oif \"lo\""); }
    void write(const match::Family& m) { family_ = m.family; }
    void write(const match::Source& m) {
        add_implying_family(
            fmt::format("{} saddr {}", ip_word(m.prefix.address.family), m.prefix.str()));
    }
    void write(const match::Destination& m) {
        add_implying_family(
            fmt::format("{} daddr {}", ip_word(m.prefix.address.family), m.prefix.str()));
    }
    void write(const match::Protocol& m) {
        flush_family();
        protocol_ = m.number;
        ports_of_ = m.number;
    }
    void write(const match::SourcePort& m) { add_ports("sport", m.ports); }
    void write(const match::DestinationPort& m) { add_ports("dport", m.ports); }
    void write(const match::IcmpType& m) {
        const bool v6 = ports_of_ == proto::kIcmpv6;
        add_implying_protocol(v6 ? fmt::format("icmpv6 type {}", icmpv6_word(m.type))
                                 : fmt::format("icmp type {}", m.type));
    }
    void write(const match::IcmpCode& m) {
        add_implying_protocol(
            fmt::format("{} code {}", ports_of_ == proto::kIcmpv6 ? "icmpv6" : "icmp", m.code));
    }
    void write(const match::InnerDestination& m) {
        const bool v4 = m.address.family == IpFamily::v4;
        const auto* const first = m.address.bytes.data();
        add(fmt::format("@th,{} 0x{:02x}", v4 ? "192,32" : "256,128",
                        fmt::join(first, first + m.address.size(), "")));
    }
    void write(const match::CtEstablished&) { add("ct state established,related"); }
    void write(const match::CtReply&) { add("ct direction reply"); }
    void write(const match::Translated& m) {
        const std::string from =
            m.ports ? fmt::format(" ct original proto-dst {}", ports_text(*m.ports)) : "";
        add("ct status dnat" + from);
    }
    void write(const match::ArpTarget& m) { add(fmt::format("arp daddr ip {}", m.address.str())); }
    void write(const match::EtherType& m) {
        add(fmt::format("@ll,{},16 0x{:04x}", m.tagged ? 128 : 96, m.type));
    }
    void write(const match::SpanningTree&) { add("@ll,0,48 0x0180c2000000 @ll,112,16 0x4242"); }
    void write(const match::VlanId& m) {
        add(fmt::format("@ll,{},12 0x{:03x}", m.tagged ? 148 : 116, m.id));
    }
    void write(const match::LaterFragment& m) {
        add_implying_family(m.family == IpFamily::v4 ? "ip frag-off & 0x1fff != 0"
                                                     : "frag frag-off != 0");
    }
    void write(const match::HopLimit& m) {
        add_implying_family(fmt::format("ip6 hoplimit {}", m.value));
    }
    void write(const match::TcpNotOpening&) {
        add_implying_protocol("tcp flags & (syn | ack) != syn");
    }
    void write(const match::TcpFlags& m) {
        const std::string flags = flags_text(m.flags);
        add_implying_protocol(
            fmt::format("tcp flags & {} == {}",
                        flags.find(' ') == flags.npos ? flags : fmt::format("({})", flags), flags));
    }
    void write(const match::Mark& m) { add(mark_text(m)); }
    void write(const match::User& m) { add(fmt::format("meta skuid {}", m.uid)); }
    void write(const match::Group& m) { add(fmt::format("meta skgid {}", m.gid)); }
    void write(const match::HasUser&) { add("meta skuid != 4294967295"); }
    void write(const match::Cgroup& m) {
        add(fmt::format("socket cgroupv2 level {} \"{}\"", std::ranges::count(m.path, '/') + 1,
                        m.path));
    }
    void write(const match::Carried& m) {
        add(fmt::format("meta priority & {0} == {0}", class_text(m.what)));
    }
    void write(const match::ToEncrypt&) { add("rt ipsec exists"); }
    void write(const match::Decrypted&) { add("meta ipsec exists"); }
    void write(const match::InSet& m) {
        if (m.key.of == SetKey::Of::answer) {
            protocol_.reset();
        }
        has_family(m.key) ? add_implying_family(set_text(m)) : add(set_text(m));
    }

    TableFamily table_;
    std::optional<IpFamily> family_;        ///< Wanted, not yet written.
    std::optional<std::uint8_t> protocol_;  ///< Wanted, not yet written.
    std::uint8_t ports_of_ = 0;
};

std::string log_text(const LogCopy& log) {
    return fmt::format("limit rate {} log prefix \"{}\" group {} snaplen {}", log.rate.str(),
                       log.prefix, kLogGroup, kLogBytes);
}

std::string verdict_text(const Rule& rule) {
    switch (rule.verdict) {
    case Verdict::accept:
        return "accept";
    case Verdict::drop:
        return "drop";
    case Verdict::reject:
        return "reject with icmpx admin-prohibited";
    case Verdict::reject_tcp:
        return "reject with tcp reset";
    case Verdict::jump:
        return fmt::format("jump {}", rule.target);
    case Verdict::next:
        return {};
    }
    return "drop";
}

/// What nft cannot write about the device of a chain: a comment, else nothing.
std::string unwritable(const Chain& chain, const std::vector<std::string>& devices) {
    if (at_every_device(chain)) {
        return fmt::format("\t# {}: at every device, also one that comes later, which nft 1.0 "
                           "cannot write\n{}",
                           chain.name,
                           devices.empty() ? "" : "\t# Loaded from this text: at those of now\n");
    }
    return chain.device && !nameable(chain.device->name)
               ? fmt::format("\t# {}: nft cannot write the name of device {}\n", chain.name,
                             chain.device->index)
               : std::string();
}

std::string device_text(const Chain& chain, const std::vector<std::string>& devices) {
    return at_every_device(chain)
               ? fmt::format(" devices = {{ \"{}\" }}", fmt::join(devices, "\", \""))
           : chain.device ? fmt::format(" device \"{}\"", chain.device->name)
                          : std::string();
}

std::string chain_text(const Chain& chain, const std::vector<std::string>& devices) {
    std::string text = unwritable(chain, devices);
    if (!text.empty() && (!at_every_device(chain) || devices.empty())) {
        return text;
    }
    text += fmt::format("\tchain {} {{\n", chain.name);
    if (chain.hook) {
        text +=
            fmt::format("\t\ttype filter hook {}{} priority {}; policy drop;\n", word(*chain.hook),
                        device_text(chain, devices), priority_of(*chain.hook));
    }
    for (const Rule& rule : chain.rules) {
        text += fmt::format("\t\t{}\n", render_text(rule, family_of(chain)));
    }
    return text + "\t}\n";
}

/// One table. The first two lines make the file load over a table that exists, without removing a
/// chain.
std::string table_text(const TablePart& part, TableFamily family,
                       const std::vector<std::string>& devices, const Moment& now) {
    std::string text = fmt::format("table {0} {1}\nflush table {0} {1}\n\ntable {0} {1} {{\n",
                                   word(family), kTable);
    for (const std::string_view counter : part.counters) {
        text += fmt::format("\tcounter {} {{\n\t}}\n\n", counter);
    }
    for (const Set* const set : part.sets) {
        text += set_definition(*set, now);
    }
    std::string chains;
    for (const Chain* const chain : part.chains) {
        chains += (chains.empty() ? "" : "\n") + chain_text(*chain, devices);
    }
    return text + chains + "}\n";
}

}  // namespace

std::string render_text(const Rule& rule, TableFamily family) {
    std::vector<std::string> words = MatchWriter(rule.matches, family).words;
    if (rule.remember) {
        words.push_back(fmt::format("update @{} {{ {} }}", rule.remember->name,
                                    flow_text(rule.remember->family)));
    }
    if (rule.carry != Carry::none) {
        words.push_back(
            fmt::format("meta priority set meta priority | {}", class_text(rule.carry)));
    }
    if (rule.learn) {
        words.push_back(fmt::format("update @{} {{ {} timeout {}m }}", rule.learn->set,
                                    answer_text(*rule.learn), kAnswerTimeout.count()));
    }
    if (!rule.counter.empty()) {
        words.push_back(fmt::format("counter name \"{}\"", rule.counter));
    }
    if (rule.log) {
        words.push_back(log_text(*rule.log));
    }
    if (rule.verdict != Verdict::next) {
        words.push_back(verdict_text(rule));
    }
    if (!rule.comment.empty()) {
        words.push_back(fmt::format("comment \"{}\"", rule.comment));
    }
    return fmt::format("{}", fmt::join(words, " "));
}

std::string render_text(const Ruleset& ruleset, const std::vector<std::string>& devices,
                        const Moment& now) {
    std::string text;
    for (const TableFamily family : kFamilies) {
        const TablePart part = part_of(ruleset, family);
        if (!part.chains.empty()) {
            text += (text.empty() ? "" : "\n") + table_text(part, family, devices, now);
        }
    }
    return text;
}

}  // namespace ks
