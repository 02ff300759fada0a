// SPDX-License-Identifier: GPL-2.0-or-later
#include "raw_rules.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/surroundings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// What becomes of a match of `output` at the device. A packet no longer has all that it had there.
enum class Fate : std::uint8_t {
    keep,
    word,  ///< `output` has left word that it was true.
    forget,
    never,
};

Fate fate_of(const match::OutInterface& m, const Uplink& uplink) {
    const auto fits = [&](const std::string& name) {
        return interface_matches(m.name, name) != m.negated;
    };
    return fits(uplink.name) || std::ranges::any_of(uplink.above, fits) ? Fate::forget
                                                                        : Fate::never;
}

/// Only tunnels are told by their group, and no rule stands at a tunnel.
Fate fate_of(const match::OutGroup& m) {
    return m.negated ? Fate::forget : Fate::never;
}

/// The sender is no longer asked for because a socket may be closed before its last packet leaves;
/// connection tracking is forgotten because the kernel does not look at it here.
Fate fate_of(const Match& match, const Uplink& uplink) {
    return std::visit(Overloaded{
                          [&](const match::OutInterface& m) { return fate_of(m, uplink); },
                          [](const match::InInterface&) { return Fate::never; },
                          [](const match::InKind&) { return Fate::never; },
                          [](const match::OutKind&) { return Fate::never; },
                          [](const match::InGroup&) { return Fate::never; },
                          [](const match::OutGroup& m) { return fate_of(m); },
                          [](const match::Carried&) { return Fate::never; },
                          [](const match::InLoopback&) { return Fate::never; },
                          [](const match::OutLoopback&) { return Fate::never; },
                          [](const match::ArpTarget&) { return Fate::never; },
                          [](const match::ToEncrypt&) { return Fate::never; },
                          [](const match::Decrypted&) { return Fate::never; },
                          [](const match::User&) { return Fate::word; },
                          [](const match::Group&) { return Fate::word; },
                          [](const match::HasUser&) { return Fate::never; },
                          [](const match::Cgroup&) { return Fate::word; },
                          [](const match::CtEstablished&) { return Fate::forget; },
                          [](const match::CtReply&) { return Fate::forget; },
                          [](const match::Family&) { return Fate::keep; },
                          [](const match::Source&) { return Fate::keep; },
                          [](const match::Destination&) { return Fate::keep; },
                          [](const match::Protocol&) { return Fate::keep; },
                          [](const match::SourcePort&) { return Fate::keep; },
                          [](const match::DestinationPort&) { return Fate::keep; },
                          [](const match::IcmpType&) { return Fate::keep; },
                          [](const match::IcmpCode&) { return Fate::keep; },
                          [](const match::InnerDestination&) { return Fate::keep; },
                          [](const match::EtherType&) { return Fate::keep; },
                          [](const match::LaterFragment&) { return Fate::keep; },
                          [](const match::HopLimit&) { return Fate::keep; },
                          [](const match::TcpNotOpening&) { return Fate::keep; },
                          [](const match::TcpFlags&) { return Fate::keep; },
                          [](const match::Mark&) { return Fate::keep; },
                          [](const match::InSet&) { return Fate::keep; },  // See elements_here().
                      },
                      match);
}

/// Whether a match looks into the transport header, which only the first fragment has.
bool of_transport_header(const Match& match) {
    return std::visit(Overloaded{
                          [](const match::SourcePort&) { return true; },
                          [](const match::DestinationPort&) { return true; },
                          [](const match::IcmpType&) { return true; },
                          [](const match::IcmpCode&) { return true; },
                          [](const match::InnerDestination&) { return true; },
                          [](const match::TcpNotOpening&) { return true; },
                          [](const match::TcpFlags&) { return true; },
                          [](const match::InInterface&) { return false; },
                          [](const match::OutInterface&) { return false; },
                          [](const match::InKind&) { return false; },
                          [](const match::OutKind&) { return false; },
                          [](const match::InGroup&) { return false; },
                          [](const match::OutGroup&) { return false; },
                          [](const match::Carried&) { return false; },
                          [](const match::InLoopback&) { return false; },
                          [](const match::OutLoopback&) { return false; },
                          [](const match::Family&) { return false; },
                          [](const match::Source&) { return false; },
                          [](const match::Destination&) { return false; },
                          [](const match::Protocol&) { return false; },
                          [](const match::CtEstablished&) { return false; },
                          [](const match::CtReply&) { return false; },
                          [](const match::ArpTarget&) { return false; },
                          [](const match::EtherType&) { return false; },
                          [](const match::LaterFragment&) { return false; },
                          [](const match::HopLimit&) { return false; },
                          [](const match::Mark&) { return false; },
                          [](const match::User&) { return false; },
                          [](const match::Group&) { return false; },
                          [](const match::HasUser&) { return false; },
                          [](const match::Cgroup&) { return false; },
                          [](const match::ToEncrypt&) { return false; },
                          [](const match::Decrypted&) { return false; },
                          [](const match::InSet&) { return false; },
                      },
                      match);
}

template <class T>
bool has(const std::vector<Match>& matches) {
    return std::ranges::any_of(matches,
                               [](const Match& m) { return std::holds_alternative<T>(m); });
}

/// Writes the chain of one device from the finished chain `output`.
///
/// Invariant: what `output` accepts towards the device passes here too. So a rule that accepts may
/// become wider, and one that refuses only narrower.
class EgressWriter {
  public:
    EgressWriter(Draft& draft, const Uplink& uplink) : draft_(draft), uplink_(uplink) {}

    Chain write() {
        for (const Rule& rule : draft_.output.rules) {
            if (rule.verdict == Verdict::accept) {
                add_accept(rule);
            } else if (!rule.counter.empty()) {
                add_refusal(rule);
            }
        }
        while (!rules_.empty() && rules_.back().verdict == Verdict::drop) {
            rules_.pop_back();  // The last rule does the same.
        }
        add_link_layer();
        add({{}, reason::kRaw, Verdict::drop, {}, "nothing else leaves this device"});
        return {name(), Hook::egress, std::move(rules_), Device{uplink_.name, uplink_.index}};
    }

  private:
    /// nft takes letters, digits and a few signs; the kernel lets devices have any. The dot keeps
    /// it from being the chain of a device that is called like a number.
    [[nodiscard]] std::string name() const {
        const bool plain = std::ranges::all_of(uplink_.name, [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
        });
        return plain ? fmt::format("egress_{}", uplink_.name)
                     : fmt::format("egress.{}", uplink_.index);
    }

    void add(Rule rule) {
        if (std::ranges::find(rules_, rule) == rules_.end()) {
            rules_.push_back(std::move(rule));
        }
    }

    void add_accept(const Rule& rule) {
        std::vector<Match> left;
        for (const Match& match : rule.matches) {
            if (const auto* const set = std::get_if<match::InSet>(&match);
                set != nullptr && by_interface(set->key)) {
                const std::vector<LinkNetwork> here = elements_here(*set);
                if (here.empty()) {
                    return;
                }
                if (set->key.of == SetKey::Of::link_network) {
                    left.emplace_back(networks_here(*set, here));
                }
                continue;
            }
            switch (fate_of(match, uplink_)) {
            case Fate::keep:
                left.push_back(match);
                break;
            case Fate::word:
                if (!has<match::Carried>(left)) {
                    left.emplace_back(match::Carried{Carry::granted});
                }
                break;
            case Fate::forget:
                break;
            case Fate::never:
                return;
            }
        }
        add(accept(left, rule.comment));
        add_fragments(left, rule.comment);
    }

    void add_refusal(const Rule& rule) {
        const bool whole = std::ranges::all_of(rule.matches, [&](const Match& m) {
            const auto* const set = std::get_if<match::InSet>(&m);
            return fate_of(m, uplink_) == Fate::keep && (set == nullptr || !by_interface(set->key));
        });
        if (whole) {
            add({rule.matches, reason::kRaw, Verdict::drop, {}, rule.comment});
        }
    }

    static bool by_interface(const SetKey& key) {
        return key.of == SetKey::Of::interface || key.of == SetKey::Of::link_network;
    }

    /// What a set of `output` has about this device, or one whose packets leave by it.
    [[nodiscard]] std::vector<LinkNetwork> elements_here(const match::InSet& in) const {
        const Set& set = *std::ranges::find(draft_.sets, in.set, &Set::name);
        std::vector<LinkNetwork> here;
        std::ranges::copy_if(set.networks, std::back_inserter(here), [&](const LinkNetwork& one) {
            return one.interface == uplink_.name ||
                   std::ranges::find(uplink_.above, one.interface) != uplink_.above.end();
        });
        return here;
    }

    /// The set of their networks. The packet no longer has the name of the interface on top.
    match::InSet networks_here(const match::InSet& in, std::vector<LinkNetwork> here) {
        const SetKey key{in.key.family, SetKey::Of::network, in.key.length};
        Set set{fmt::format("{}_at_{}", in.set, uplink_.index), key, {}, std::move(here)};
        if (std::ranges::find(draft_.sets, set.name, &Set::name) == draft_.sets.end()) {
            for (LinkNetwork& one : set.networks) {
                one.interface.clear();
            }
            std::ranges::sort(set.networks);
            const auto repeated = std::unique(set.networks.begin(), set.networks.end());
            set.networks.erase(repeated, set.networks.end());
            draft_.sets.push_back(set);
        }
        return {in.far, key, set.name};
    }

    /// `output` sees a packet whole, the device its fragments, of which only the first has ports.
    void add_fragments(const std::vector<Match>& matches, const std::string& comment) {
        const bool by_set = std::ranges::any_of(matches, [](const Match& m) {
            const auto* const set = std::get_if<match::InSet>(&m);
            return set != nullptr && set->key.of == SetKey::Of::endpoint;
        });
        // DHCP, the only one with both ports, is never fragmented.
        if (!by_set && has<match::SourcePort>(matches) == has<match::DestinationPort>(matches)) {
            return;
        }
        for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
            const bool other = std::ranges::any_of(matches, [&](const Match& m) {
                const auto* const named = std::get_if<match::Family>(&m);
                return named != nullptr && named->family != family;
            });
            if (!other) {
                add(accept(as_fragment(matches, family), fmt::format("{}, fragments", comment)));
            }
        }
    }

    std::vector<Match> as_fragment(const std::vector<Match>& matches, IpFamily family) {
        std::vector<Match> out{match::Family{family}};
        for (const Match& match : matches) {
            const auto* const set = std::get_if<match::InSet>(&match);
            if (set != nullptr && set->key.of == SetKey::Of::endpoint) {
                out.emplace_back(hosts_of(*set));
            } else if (!std::holds_alternative<match::Family>(match) &&
                       !of_transport_header(match)) {
                out.push_back(match);
            }
        }
        out.emplace_back(match::LaterFragment{family});
        return out;
    }

    /// The set of the addresses in a set of endpoints.
    match::InSet hosts_of(const match::InSet& endpoints) {
        const SetKey key{endpoints.key.family, SetKey::Of::address};
        Set hosts{fmt::format("{}_hosts", endpoints.set), key, {}};
        if (std::ranges::find(draft_.sets, hosts.name, &Set::name) == draft_.sets.end()) {
            const auto all = std::ranges::find(draft_.sets, endpoints.set, &Set::name);
            for (const Endpoint& endpoint : all->elements) {
                hosts.elements.push_back({endpoint.address, 0, 0});
            }
            std::ranges::sort(hosts.elements);
            const auto repeated = std::unique(hosts.elements.begin(), hosts.elements.end());
            hosts.elements.erase(repeated, hosts.elements.end());
            draft_.sets.push_back(hosts);
        }
        return {endpoints.far, key, hosts.name};
    }

    /// Without these there is no link. Source: IEEE 802 numbers; 802.1X and PPPoE go no further
    /// than the access network, the slow protocols (bonds) and MACsec no further than the cable.
    void add_link_layer() {
        constexpr std::array<std::pair<std::uint16_t, const char*>, 6> kTypes{{
            {0x0806, "ARP"},
            {0x888e, "802.1X"},
            {0x8863, "PPPoE discovery"},
            {0x8864, "PPPoE session"},
            {0x8809, "slow protocols"},
            {0x88e5, "MACsec"},
        }};
        for (const auto& [type, comment] : kTypes) {
            add(accept({match::EtherType{type}}, comment));
            if (!uplink_.above.empty()) {  // A VLAN's frames leave by its card with a tag.
                constexpr std::uint16_t kTag = 0x8100;
                add(accept({match::EtherType{kTag}, match::EtherType{type, /*tagged=*/true}},
                           fmt::format("{} of a VLAN", comment)));
            }
        }
    }

    Draft& draft_;
    const Uplink& uplink_;
    std::vector<Rule> rules_;
};

}  // namespace

void add_raw_guard(Draft& draft) {
    if (draft.policy.raw == Raw::allow) {
        return;
    }
    for (const Uplink& uplink : draft.situation.around.uplinks) {
        draft.others.push_back(EgressWriter(draft, uplink).write());
    }
}

}  // namespace ks
