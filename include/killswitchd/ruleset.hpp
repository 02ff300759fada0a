// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/net.hpp"
#include "killswitchd/rate.hpp"
#include "killswitchd/sets.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ks {

/// The typed form of an nftables table. Netlink bytes, nft text and evaluate() all read this, and
/// nothing else, so they cannot disagree about what a rule is.

enum class Hook : std::uint8_t {
    input,
    forward,
    output,
    postrouting,  ///< The last word: `output` sees the device from before another table's re-route.
    arp_input,    ///< Incoming ARP; a chain of the table `arp killswitchd`.
    egress,       ///< Whatever a device is about to send; a chain of `netdev killswitchd`.
};
[[nodiscard]] std::string_view word(Hook hook) noexcept;  ///< nft's word: "input".

/// A table of nftables belongs to one family; ours has the same name in each that it needs.
enum class TableFamily : std::uint8_t { inet, arp, netdev };
inline constexpr std::array<TableFamily, 3> kFamilies{TableFamily::inet, TableFamily::arp,
                                                      TableFamily::netdev};
[[nodiscard]] std::string_view word(TableFamily family) noexcept;

/// What a packet takes with it from Hook::output to the later hooks, which see no cgroup, and no
/// user any more when the socket was closed meanwhile: bits of `meta priority` that
/// no program may set without CAP_NET_ADMIN or CAP_NET_RAW, and nothing in between reads.
/// Source: Linux sk_set_prio_allowed(): up to 6 for everybody.
enum class Carry : std::uint32_t {
    none = 0,
    granted = 0x40000000,   ///< A rule that asks for the sender has accepted it.
    confined = 0x80000000,  ///< It is of those that `scope: apps` confines.
};

namespace match {

/// `iifname` / `oifname`. A trailing '*' matches by prefix.
struct InInterface {
    std::string name;
    bool negated = false;
    friend bool operator==(const InInterface&, const InInterface&) = default;
};
struct OutInterface {
    std::string name;
    bool negated = false;
    friend bool operator==(const OutInterface&, const OutInterface&) = default;
};
/// `meta iifkind` / `meta oifkind`: the kind of link, as rtnetlink calls it.
struct InKind {
    std::string kind;
    friend bool operator==(const InKind&, const InKind&) = default;
};
struct OutKind {
    std::string kind;
    friend bool operator==(const OutKind&, const OutKind&) = default;
};
/// `meta iifgroup` / `meta oifgroup`: the group that `ip link set ... group` puts a device in.
struct InGroup {
    std::uint32_t group = 0;
    bool negated = false;
    friend bool operator==(const InGroup&, const InGroup&) = default;
};
struct OutGroup {
    std::uint32_t group = 0;
    bool negated = false;
    friend bool operator==(const OutGroup&, const OutGroup&) = default;
};
/// `iif lo` / `oif lo`. Source: Linux net/core/dev.c, loopback is ifindex 1 in every namespace.
struct InLoopback {
    friend bool operator==(const InLoopback&, const InLoopback&) = default;
};
struct OutLoopback {
    friend bool operator==(const OutLoopback&, const OutLoopback&) = default;
};
/// `meta nfproto`; `meta protocol` in Hook::egress, where there is no other.
struct Family {
    IpFamily family = IpFamily::v4;
    friend bool operator==(const Family&, const Family&) = default;
};
/// `ip saddr` / `ip6 daddr` ...; must come after a Family of the same family.
struct Source {
    Prefix prefix;
    friend bool operator==(const Source&, const Source&) = default;
};
struct Destination {
    Prefix prefix;
    friend bool operator==(const Destination&, const Destination&) = default;
};
/// `meta l4proto`: after IPv6 extension headers too.
struct Protocol {
    std::uint8_t number = 0;
    friend bool operator==(const Protocol&, const Protocol&) = default;
};
/// `th sport` / `th dport`; must come after a Protocol that has ports (tcp or udp).
struct SourcePort {
    PortRange ports;
    friend bool operator==(const SourcePort&, const SourcePort&) = default;
};
struct DestinationPort {
    PortRange ports;
    friend bool operator==(const DestinationPort&, const DestinationPort&) = default;
};
/// First byte of the transport header; must come after Protocol icmp or ipv6-icmp.
struct IcmpType {
    std::uint8_t type = 0;
    friend bool operator==(const IcmpType&, const IcmpType&) = default;
};
/// Second byte of the transport header; must come after IcmpType.
struct IcmpCode {
    std::uint8_t code = 0;
    friend bool operator==(const IcmpCode&, const IcmpCode&) = default;
};
/// The destination of the packet that an ICMP error is about; must come after IcmpType of an error.
struct InnerDestination {
    IpAddress address;
    friend bool operator==(const InnerDestination&, const InnerDestination&) = default;
};
/// `ct state established,related`. Never on output: it would keep flows from before the lock.
struct CtEstablished {
    friend bool operator==(const CtEstablished&, const CtEstablished&) = default;
};
/// `ct direction reply`: of a flow that the other side began.
struct CtReply {
    friend bool operator==(const CtReply&, const CtReply&) = default;
};
/// `ct status dnat`, and `ct original proto-dst` where `ports` is given: another table has
/// translated the destination, which had that port before. Only in Hook::forward and
/// Hook::postrouting; with `ports` it must come after a Protocol that has ports.
struct Translated {
    std::optional<PortRange> ports;
    friend bool operator==(const Translated&, const Translated&) = default;
};
/// `arp daddr ip`: the IPv4 address that an ARP packet asks for. Only in Hook::arp_input.
struct ArpTarget {
    IpAddress address;
    friend bool operator==(const ArpTarget&, const ArpTarget&) = default;
};
/// The type in the Ethernet header itself, whatever the sender told the kernel. Only in
/// Hook::egress.
struct EtherType {
    std::uint16_t type = 0;
    bool tagged = false;  ///< After one tag of IEEE 802.1Q or 802.1ad, whose own type is 0x8100
                          ///< or 0x88a8.
    friend bool operator==(const EtherType&, const EtherType&) = default;
};
/// A frame of the spanning tree protocol, to the group that no bridge passes on: without a type, as
/// 802.2 has a length in its place. Only in Hook::egress. Source: IEEE 802.1D, clauses 7.12 and 9.
struct SpanningTree {
    friend bool operator==(const SpanningTree&, const SpanningTree&) = default;
};
/// The number of a VLAN in the tag that an EtherType of a tag must have found before.
struct VlanId {
    std::uint16_t id = 0;
    bool tagged = false;  ///< In the second tag.
    friend bool operator==(const VlanId&, const VlanId&) = default;
};
/// A fragment other than the first: it has no ports. Must come after a Family of the same family.
struct LaterFragment {
    IpFamily family = IpFamily::v4;
    friend bool operator==(const LaterFragment&, const LaterFragment&) = default;
};
/// `ip6 hoplimit`; must come after Family v6.
struct HopLimit {
    std::uint8_t value = 0;
    friend bool operator==(const HopLimit&, const HopLimit&) = default;
};
/// TCP segments other than the first of a connection: `tcp flags & (syn | ack) != syn`.
struct TcpNotOpening {
    friend bool operator==(const TcpNotOpening&, const TcpNotOpening&) = default;
};
/// TCP segments that have all of these flags: `tcp flags & F == F`; must come after Protocol tcp.
struct TcpFlags {
    std::uint8_t flags = 0;  ///< As on the wire: SYN 0x02, RST 0x04, ACK 0x10.
    friend bool operator==(const TcpFlags&, const TcpFlags&) = default;
};
/// `meta mark`, masked.
struct Mark {
    std::uint32_t value = 0;
    std::uint32_t mask = 0xffffffff;
    bool negated = false;
    friend bool operator==(const Mark&, const Mark&) = default;
};
/// `meta skuid` / `meta skgid` of the sending socket; never match packets without one.
struct User {
    std::uint32_t uid = 0;
    friend bool operator==(const User&, const User&) = default;
};
struct Group {
    std::uint32_t gid = 0;
    friend bool operator==(const Group&, const Group&) = default;
};
/// `meta skuid != 4294967295`: a socket of some user sends it. The kernel's own packets have none,
/// and those of a socket that its program has closed have none any more.
struct HasUser {
    friend bool operator==(const HasUser&, const HasUser&) = default;
};
/// `socket cgroupv2 level N "path"`; the kernel compares the id of the ancestor at that level.
struct Cgroup {
    std::string path;
    std::uint64_t id = 0;  ///< Inode number of the cgroup directory.
    friend bool operator==(const Cgroup&, const Cgroup&) = default;
};
/// A rule of Hook::output has left word: see Rule::carry. Only in Hook::postrouting and
/// Hook::egress.
struct Carried {
    Carry what = Carry::none;
    friend bool operator==(const Carried&, const Carried&) = default;
};
/// `rt ipsec exists`: an IPsec policy of the kernel takes the packet, which leaves encrypted or not
/// at all. Only in Hook::output, Hook::forward and Hook::postrouting; what comes of it passes
/// Hook::output once more.
struct ToEncrypt {
    friend bool operator==(const ToEncrypt&, const ToEncrypt&) = default;
};
/// `meta ipsec exists`: the packet came inside another one that IPsec took off. Only in Hook::input
/// and Hook::forward.
struct Decrypted {
    friend bool operator==(const Decrypted&, const Decrypted&) = default;
};
/// The far side is in a named set: `destination` is the address that a packet goes to and the
/// interface that it leaves by, `source` the address that it is from and the interface that it came
/// in by. Flows have both sides in them, and must come after Protocol tcp too; answers after udp.
/// Packet types and users are of no side.
struct InSet {
    enum class Far : std::uint8_t { destination, source } far = Far::destination;
    SetKey key;  ///< Of the set that is named; where has_family(), after a Family of the same.
    std::string set;
    friend bool operator==(const InSet&, const InSet&) = default;
};

}  // namespace match

using Match =
    std::variant<match::InInterface, match::OutInterface, match::InKind, match::OutKind,
                 match::InGroup, match::OutGroup, match::InLoopback, match::OutLoopback,
                 match::Family, match::Source, match::Destination, match::Protocol,
                 match::SourcePort, match::DestinationPort, match::IcmpType, match::IcmpCode,
                 match::InnerDestination, match::CtEstablished, match::CtReply, match::Translated,
                 match::ArpTarget, match::EtherType, match::VlanId, match::SpanningTree,
                 match::LaterFragment, match::HopLimit, match::TcpNotOpening, match::TcpFlags,
                 match::Mark, match::User, match::Group, match::HasUser, match::Cgroup,
                 match::Carried, match::ToEncrypt, match::Decrypted, match::InSet>;

/// A set of flows that rules fill, by name.
struct FlowSet {
    IpFamily family = IpFamily::v4;
    std::string name;
    friend bool operator==(const FlowSet&, const FlowSet&) = default;
};

enum class Verdict : std::uint8_t {
    accept,
    drop,
    reject,      ///< ICMP "administratively prohibited" to the sender, then drop.
    reject_tcp,  ///< TCP reset to the sender, then drop; the rule must match Protocol tcp.
    jump,        ///< To Rule::target; continues after this rule when that chain has no verdict.
    next,        ///< None: on to the next rule.
};

/// The group of nfnetlink_log that our rules write to. One program of a network namespace can
/// listen there.
inline constexpr std::uint16_t kLogGroup = 27544;
/// Of a logged packet: no more than the longest IPv4 header with one of TCP behind it.
inline constexpr std::uint32_t kLogBytes = 80;
/// How many more than the rate may come at once; nft's default.
inline constexpr std::uint32_t kLogBurst = 5;

/// `limit rate R log prefix "P" group N`: the first bytes of a packet, for who listens. What comes
/// faster is not told, and the rest of such a rule not carried out.
struct LogCopy {
    std::string prefix;  ///< Told with every packet; at most 127 bytes, no quotes.
    Rate rate;
    friend bool operator==(const LogCopy&, const LogCopy&) = default;
};

struct Rule {
    std::vector<Match> matches;  ///< All must match, tested in order. Empty: always.
    std::string counter;         ///< Name of a counter that counts what this rule takes, or empty.
    Verdict verdict = Verdict::drop;
    std::string target;            ///< Chain name for Verdict::jump, else empty.
    std::string comment;           ///< Shown by `nft list`; at most 127 bytes, no quotes.
    Carry carry = Carry::none;     ///< Given to the packets that the rule matches.
    std::optional<LogCopy> log{};  ///< Only with Verdict::next: a limit ends the rule.
    /// The packet's flow is added to it. Where it is full, the rule does not match. Must come after
    /// Family and Protocol tcp.
    std::optional<FlowSet> remember{};
    /// The same of answers, after Protocol udp.
    std::optional<match::InSet> learn{};
    friend bool operator==(const Rule&, const Rule&) = default;
};

/// The device that a chain of Hook::egress is attached to.
struct Device {
    std::string name;  ///< Empty: whatever device there is or will be, by whatever name.
    int index = 0;     ///< Tells a device from an earlier one of the same name.
    friend bool operator==(const Device&, const Device&) = default;
};

struct Chain {
    std::string name;
    std::optional<Hook>
        hook;  ///< Present: base chain, type filter, priority_of(hook), policy drop.
    std::vector<Rule> rules;
    std::optional<Device> device{};  ///< Of all chains of netdev, and of no others.
    friend bool operator==(const Chain&, const Chain&) = default;
};

/// Whether it is attached to whatever device there is or will be.
[[nodiscard]] bool at_every_device(const Chain& chain) noexcept;

/// The family of the table that a chain belongs to.
[[nodiscard]] TableFamily family_of(const Chain& chain) noexcept;

/// Everything of ours in the kernel: the table `inet killswitchd` with counters and sets, and
/// chains of the tables `arp` and `netdev killswitchd` where some are needed. Base chains stand
/// first.
struct Ruleset {
    std::vector<std::string> counters;  ///< Of the table `inet killswitchd`.
    std::vector<Set> sets;
    std::vector<Chain> chains;
    friend bool operator==(const Ruleset&, const Ruleset&) = default;
};

/// The table of one family: its chains, with the counters and sets that they need. Points into the
/// ruleset.
struct TablePart {
    std::vector<std::string_view> counters;
    std::vector<const Set*> sets;
    std::vector<const Chain*> chains;
};
[[nodiscard]] TablePart part_of(const Ruleset& ruleset, TableFamily family);

inline constexpr const char* kTable = "killswitchd";
/// After every NAT and route chain (mangle -150, nat -100, filter 0, security 50, srcnat 100): no
/// table that runs later changes address or mark. Of the device `output` knows only what it was
/// before those chains, at any priority; `postrouting` knows the one that the packet leaves by.
/// Source: Linux nf_hook_state, made once for all chains of a hook.
inline constexpr int kPriority = 300;
/// Of Hook::input: before connection tracking gives an answer the address that a program has asked,
/// where `output` saw the one that another table had made of it (srcnat 100).
inline constexpr int kInputPriority = 70;
[[nodiscard]] constexpr int priority_of(Hook hook) noexcept {
    return hook == Hook::input ? kInputPriority : kPriority;
}

}  // namespace ks
