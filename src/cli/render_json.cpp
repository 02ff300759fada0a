// SPDX-License-Identifier: GPL-2.0-or-later
#include "render_json.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"
#include "render_set_json.hpp"
#include "writable_chains.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

using nlohmann::json;

json meta(const char* key) {
    return {{"meta", {{"key", key}}}};
}

json payload(const char* protocol, const char* field) {
    return {{"payload", {{"protocol", protocol}, {"field", field}}}};
}

json compare(const char* op, json left, json right) {
    return {{"match", {{"op", op}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}

json equals(json left, json right) {
    return compare("==", std::move(left), std::move(right));
}

json masked(json value, json mask) {
    return {{"&", json::array({std::move(value), std::move(mask)})}};
}

const char* ip_word(IpFamily family) {
    return family == IpFamily::v4 ? "ip" : "ip6";
}

json prefix_json(const Prefix& prefix) {
    if (prefix.length == prefix.address.bits()) {
        return prefix.address.str();
    }
    return {{"prefix", {{"addr", prefix.address.str()}, {"len", prefix.length}}}};
}

json ports_json(const PortRange& ports) {
    if (ports.first == ports.last) {
        return ports.first;
    }
    return {{"range", {ports.first, ports.last}}};
}

json flow_json(IpFamily family) {
    const char* const ip = ip_word(family);
    return {{"concat", json::array({payload(ip, "saddr"), payload("th", "sport"),
                                    payload(ip, "daddr"), payload("th", "dport")})}};
}

/// The far side and our port.
json answer_json(const match::InSet& m) {
    const bool to = m.far == match::InSet::Far::destination;
    return {{"concat", json::array({payload(ip_word(m.key.family), to ? "daddr" : "saddr"),
                                    payload("udp", to ? "dport" : "sport"),
                                    payload("udp", to ? "sport" : "dport")})}};
}

json timed_json(const match::InSet& m) {
    const std::chrono::seconds timeout = kAnswerTimeout;
    return {{"elem", {{"val", answer_json(m)}, {"timeout", timeout.count()}}}};
}

json set_json(const match::InSet& m) {
    const bool to = m.far == match::InSet::Far::destination;
    const json interface = meta(to ? "oifname" : "iifname");
    const json address = payload(ip_word(m.key.family), to ? "daddr" : "saddr");
    const IpAddress mask = mask_of(m.key.family, m.key.length);
    const json network = m.key.length == mask.bits() ? address : masked(address, mask.str());
    const json set = "@" + m.set;
    switch (m.key.of) {
    case SetKey::Of::address:
        return equals(address, set);
    case SetKey::Of::endpoint:
        return equals({{"concat", json::array({address, meta("l4proto"),
                                               payload("th", to ? "dport" : "sport")})}},
                      set);
    case SetKey::Of::network:
        return equals(network, set);
    case SetKey::Of::interface:
        return equals(interface, set);
    case SetKey::Of::link_network:
        return equals({{"concat", json::array({interface, network})}}, set);
    case SetKey::Of::flow:
        return equals(flow_json(m.key.family), set);
    case SetKey::Of::answer:
        return equals(answer_json(m), set);
    case SetKey::Of::packet_type:
        return equals(meta("pkttype"), set);
    case SetKey::Of::user:
        return equals(meta("skuid"), set);
    }
    return {};
}

/// The destination of the packet inside an ICMP error: raw bytes after the 8 of the ICMP header.
json inner_json(const IpAddress& address) {
    const bool v4 = address.family == IpFamily::v4;
    const json raw{{"base", "th"}, {"offset", v4 ? 192 : 256}, {"len", v4 ? 32 : 128}};
    const auto* const first = address.bytes.data();
    return equals(json{{"payload", raw}},
                  fmt::format("0x{:02x}", fmt::join(first, first + address.size(), "")));
}

/// `ct status` is a word of bits, of which one is asked for.
json translated_json(const match::Translated& m) {
    json all = json::array({compare("in", json{{"ct", {{"key", "status"}}}}, "dnat")});
    if (m.ports) {
        all.push_back(equals(json{{"ct", {{"key", "proto-dst"}, {"dir", "original"}}}},
                             ports_json(*m.ports)));
    }
    return all;
}

/// Like nft's own output, a list where it takes two; only IcmpType needs to know which protocol
/// came before it.
json match_json(const Match& match, std::uint8_t protocol, TableFamily table) {
    const auto interface = [](const char* key, const std::string& name, bool negated) {
        return compare(negated ? "!=" : "==", meta(key), name);
    };
    return std::visit(
        Overloaded{
            [&](const match::InInterface& m) { return interface("iifname", m.name, m.negated); },
            [&](const match::OutInterface& m) { return interface("oifname", m.name, m.negated); },
            [&](const match::InKind& m) { return equals(meta("iifkind"), m.kind); },
            [&](const match::OutKind& m) { return equals(meta("oifkind"), m.kind); },
            [&](const match::InGroup& m) {
                return compare(m.negated ? "!=" : "==", meta("iifgroup"), m.group);
            },
            [&](const match::OutGroup& m) {
                return compare(m.negated ? "!=" : "==", meta("oifgroup"), m.group);
            },
            [&](const match::InLoopback&) { return equals(meta("iif"), "lo"); },
            [&](const match::OutLoopback&) { return equals(meta("oif"), "lo"); },
            [&](const match::Family& m) {
                if (table == TableFamily::netdev) {
                    return equals(meta("protocol"), ip_word(m.family));
                }
                return equals(meta("nfproto"), m.family == IpFamily::v4 ? "ipv4" : "ipv6");
            },
            [&](const match::Source& m) {
                return equals(payload(ip_word(m.prefix.address.family), "saddr"),
                              prefix_json(m.prefix));
            },
            [&](const match::Destination& m) {
                return equals(payload(ip_word(m.prefix.address.family), "daddr"),
                              prefix_json(m.prefix));
            },
            [&](const match::Protocol& m) {
                return equals(meta("l4proto"), proto::name(m.number));
            },
            [&](const match::SourcePort& m) {
                return equals(payload("th", "sport"), ports_json(m.ports));
            },
            [&](const match::DestinationPort& m) {
                return equals(payload("th", "dport"), ports_json(m.ports));
            },
            [&](const match::IcmpType& m) {
                return equals(payload(protocol == proto::kIcmpv6 ? "icmpv6" : "icmp", "type"),
                              m.type);
            },
            [&](const match::IcmpCode& m) {
                return equals(payload(protocol == proto::kIcmpv6 ? "icmpv6" : "icmp", "code"),
                              m.code);
            },
            [&](const match::InnerDestination& m) { return inner_json(m.address); },
            [&](const match::CtEstablished&) {
                return compare("in", json{{"ct", {{"key", "state"}}}},
                               json::array({"established", "related"}));
            },
            [&](const match::CtReply&) {
                return equals(json{{"ct", {{"key", "direction"}}}}, "reply");
            },
            [&](const match::Translated& m) { return translated_json(m); },
            [&](const match::ArpTarget& m) {
                return equals(payload("arp", "daddr ip"), m.address.str());
            },
            [&](const match::EtherType& m) {
                const json raw{{"base", "ll"}, {"offset", m.tagged ? 128 : 96}, {"len", 16}};
                return equals(json{{"payload", raw}}, m.type);
            },
            [&](const match::SpanningTree&) {
                const json group{{"base", "ll"}, {"offset", 0}, {"len", 48}};
                const json points{{"base", "ll"}, {"offset", 112}, {"len", 16}};
                return json::array({equals(json{{"payload", group}}, 0x0180c2000000),
                                    equals(json{{"payload", points}}, 0x4242)});
            },
            [&](const match::VlanId& m) {
                const json raw{{"base", "ll"}, {"offset", m.tagged ? 148 : 116}, {"len", 12}};
                return equals(json{{"payload", raw}}, m.id);
            },
            [&](const match::LaterFragment& m) {
                if (m.family == IpFamily::v4) {
                    return compare("!=", masked(payload("ip", "frag-off"), 0x1fff), 0);
                }
                const json offset{{"name", "frag"}, {"field", "frag-off"}};
                return compare("!=", json{{"exthdr", offset}}, 0);
            },
            [&](const match::HopLimit& m) { return equals(payload("ip6", "hoplimit"), m.value); },
            [&](const match::TcpNotOpening&) {
                return compare("!=", masked(payload("tcp", "flags"), json::array({"syn", "ack"})),
                               "syn");
            },
            [&](const match::TcpFlags& m) {
                return equals(masked(payload("tcp", "flags"), m.flags), m.flags);
            },
            [&](const match::Mark& m) {
                return compare(m.negated ? "!=" : "==",
                               m.mask == 0xffffffff ? meta("mark") : masked(meta("mark"), m.mask),
                               m.value);
            },
            [&](const match::User& m) { return equals(meta("skuid"), m.uid); },
            [&](const match::Group& m) { return equals(meta("skgid"), m.gid); },
            [&](const match::HasUser&) { return compare("!=", meta("skuid"), 4294967295U); },
            [&](const match::Cgroup& m) {
                return equals(
                    {{"socket",
                      {{"key", "cgroupv2"}, {"level", std::ranges::count(m.path, '/') + 1}}}},
                    m.path);
            },
            [&](const match::Carried& m) {
                const auto bit = static_cast<std::uint32_t>(m.what);
                return equals(masked(meta("priority"), bit), bit);
            },
            [&](const match::ToEncrypt&) {
                return equals(json{{"rt", {{"key", "ipsec"}}}}, true);
            },
            [&](const match::Decrypted&) { return equals(meta("ipsec"), true); },
            [&](const match::InSet& m) { return set_json(m); },
        },
        match);
}

json verdict_json(const Rule& rule) {
    switch (rule.verdict) {
    case Verdict::accept:
        return {{"accept", nullptr}};
    case Verdict::drop:
        return {{"drop", nullptr}};
    case Verdict::jump:
        return {{"jump", {{"target", rule.target}}}};
    case Verdict::reject:
        return {{"reject", {{"type", "icmpx"}, {"expr", "admin-prohibited"}}}};
    case Verdict::reject_tcp:
        return {{"reject", {{"type", "tcp reset"}}}};
    case Verdict::next:
        break;
    }
    return {{"drop", nullptr}};
}

json limit_json(const Rate& rate) {
    const std::string text = rate.str();  // "10/second"
    return {
        {"limit",
         {{"rate", rate.number}, {"burst", kLogBurst}, {"per", text.substr(text.find('/') + 1)}}}};
}

json rule_json(const Chain& chain, const Rule& rule) {
    json expr = json::array();
    std::uint8_t protocol = 0;
    for (const Match& match : rule.matches) {
        if (const auto* const named = std::get_if<match::Protocol>(&match)) {
            protocol = named->number;
        }
        json one = match_json(match, protocol, family_of(chain));
        for (json& each : one.is_array() ? one : json::array({one})) {
            expr.push_back(std::move(each));
        }
    }
    if (rule.learn) {
        expr.push_back({{"set",
                         {{"op", "update"},
                          {"elem", timed_json(*rule.learn)},
                          {"set", "@" + rule.learn->set}}}});
    }
    if (rule.remember) {
        expr.push_back({{"set",
                         {{"op", "update"},
                          {"elem", flow_json(rule.remember->family)},
                          {"set", "@" + rule.remember->name}}}});
    }
    if (rule.carry != Carry::none) {
        const json old_or_bit{meta("priority"), static_cast<std::uint32_t>(rule.carry)};
        expr.push_back({{"mangle", {{"key", meta("priority")}, {"value", {{"|", old_or_bit}}}}}});
    }
    if (!rule.counter.empty()) {
        expr.push_back({{"counter", rule.counter}});
    }
    if (rule.log) {
        expr.push_back(limit_json(rule.log->rate));
        expr.push_back(
            {{"log",
              {{"prefix", rule.log->prefix}, {"group", kLogGroup}, {"snaplen", kLogBytes}}}});
    }
    if (rule.verdict != Verdict::next) {
        expr.push_back(verdict_json(rule));
    }
    json out{{"family", word(family_of(chain))},
             {"table", kTable},
             {"chain", chain.name},
             {"expr", std::move(expr)}};
    if (!rule.comment.empty()) {
        out["comment"] = rule.comment;
    }
    return out;
}

json chain_json(const Chain& chain) {
    json out{{"family", word(family_of(chain))}, {"table", kTable}, {"name", chain.name}};
    if (chain.hook) {
        out["type"] = "filter";
        out["hook"] = word(*chain.hook);
        out["prio"] = priority_of(*chain.hook);
        out["policy"] = "drop";
        if (chain.device) {
            out["dev"] = chain.device->name;
        }
    }
    return out;
}

}  // namespace

std::string render_json(const Ruleset& ruleset, const std::vector<std::string>& devices,
                        const Moment& now) {
    json commands = json::array();
    const auto add = [&](const char* kind, json object) {
        commands.push_back({{"add", {{kind, std::move(object)}}}});
    };
    for (const TableFamily family : kFamilies) {
        const TablePart part = part_of(ruleset, family);
        if (part.chains.empty()) {
            continue;
        }
        const json table{{"family", word(family)}, {"name", kTable}};
        add("table", table);
        commands.push_back({{"flush", {{"table", table}}}});
        for (const std::string_view counter : part.counters) {
            add("counter", {{"family", word(family)}, {"table", kTable}, {"name", counter}});
        }
        for (const Set* const set : part.sets) {
            add("set", set_json(*set, family, now));
        }
    }
    const std::vector<Chain> chains = writable_chains(ruleset.chains, devices);
    for (const Chain& chain : chains) {
        add("chain", chain_json(chain));
    }
    for (const Chain& chain : chains) {
        for (const Rule& rule : chain.rules) {
            add("rule", rule_json(chain, rule));
        }
    }
    return json{{"nftables", std::move(commands)}}.dump(2) + "\n";
}

}  // namespace ks::cli
