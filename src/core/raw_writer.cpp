// SPDX-License-Identifier: GPL-2.0-or-later
#include "raw_writer.hpp"

#include "draft.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "raw_matches.hpp"
#include "sort_unique.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::uint16_t kTag = 0x8100;

}  // namespace

std::vector<Rule> RawWriter::finish(Tags tags) {
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
    add_link_layer(tags);
    add({{}, reason::kRaw, Verdict::drop, {}, "nothing else leaves this device"});
    return std::move(rules_);
}

void RawWriter::add(Rule rule) {
    if (std::ranges::find(rules_, rule) == rules_.end()) {
        rules_.push_back(std::move(rule));
    }
}

std::optional<std::vector<Match>> RawWriter::at_device(const std::vector<Match>& matches,
                                                       const AtDevice& stand_in) {
    std::vector<Match> kept;
    for (const Match& match : matches) {
        switch (fate_of(match)) {
        case Fate::keep:
            kept.push_back(match);
            break;
        case Fate::device:
            if (!stand_in(match, kept)) {
                return std::nullopt;
            }
            break;
        case Fate::word:
            if (!has<match::Carried>(kept)) {
                kept.emplace_back(match::Carried{Carry::granted});
            }
            break;
        case Fate::forget:
            break;
        case Fate::never:
            return std::nullopt;
        }
    }
    return kept;
}

void RawWriter::add_with_fragments(const std::vector<Match>& matches, const std::string& comment) {
    add(accept(matches, comment));
    add_fragments(matches, comment);
}

void RawWriter::add_refusal(const Rule& rule) {
    const bool whole =
        std::ranges::all_of(rule.matches, [](const Match& m) { return fate_of(m) == Fate::keep; });
    if (whole) {
        add({rule.matches, reason::kRaw, Verdict::drop, {}, rule.comment});
    }
}

void RawWriter::add_guest_vlan(std::vector<Match> device, const std::vector<VlanTag>& tags) {
    std::vector<std::string> ids;
    for (const VlanTag& tag : tags) {
        device.emplace_back(match::EtherType{tag.type, /*tagged=*/!ids.empty()});
        device.emplace_back(match::VlanId{tag.id, /*tagged=*/!ids.empty()});
        ids.push_back(std::to_string(tag.id));
    }
    add(accept(std::move(device), fmt::format("guest VLAN {}", fmt::join(ids, "."))));
}

const Set& RawWriter::set_of(const match::InSet& in) const {
    return *std::ranges::find(draft_.sets, in.set, &Set::name);
}

void RawWriter::ensure(Set set) {
    if (std::ranges::find(draft_.sets, set.name, &Set::name) == draft_.sets.end()) {
        draft_.sets.push_back(std::move(set));
    }
}

/// `output` sees a packet whole, the device its fragments, of which only the first has ports.
void RawWriter::add_fragments(const std::vector<Match>& matches, const std::string& comment) {
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

std::vector<Match> RawWriter::as_fragment(const std::vector<Match>& matches, IpFamily family) {
    std::vector<Match> out{match::Family{family}};
    for (const Match& match : matches) {
        const auto* const set = std::get_if<match::InSet>(&match);
        if (set != nullptr && set->key.of == SetKey::Of::endpoint) {
            out.emplace_back(hosts_of(*set));
        } else if (!std::holds_alternative<match::Family>(match) && !of_transport_header(match)) {
            out.push_back(match);
        }
    }
    out.emplace_back(match::LaterFragment{family});
    return out;
}

/// The set of the addresses in a set of endpoints.
match::InSet RawWriter::hosts_of(const match::InSet& endpoints) {
    const SetKey key{endpoints.key.family, SetKey::Of::address};
    Set hosts{fmt::format("{}_hosts", endpoints.set), key, {}};
    match::InSet found{endpoints.far, key, hosts.name};
    for (const Endpoint& endpoint : set_of(endpoints).elements) {
        hosts.elements.push_back({endpoint.address, 0, 0});
    }
    sort_unique(hosts.elements);
    ensure(std::move(hosts));
    return found;
}

void RawWriter::add_link_layer(Tags tags) {
    // Source: IEEE 802 numbers; 802.1X and PPPoE go no further than the access network, the slow
    // protocols (bonds) and MACsec no further than the cable.
    constexpr std::array<std::pair<std::uint16_t, const char*>, 6> kTypes{{
        {0x0806, "ARP"},
        {0x888e, "802.1X"},
        {0x8863, "PPPoE discovery"},
        {0x8864, "PPPoE session"},
        {0x8809, "slow protocols"},
        {0x88e5, "MACsec"},
    }};
    add(accept({match::SpanningTree{}}, "spanning tree"));
    for (const auto& [type, comment] : kTypes) {
        add(accept({match::EtherType{type}}, comment));
        if (tags == Tags::occur) {  // A VLAN's frames leave by its card with a tag.
            add(accept({match::EtherType{kTag}, match::EtherType{type, /*tagged=*/true}},
                       fmt::format("{} of a VLAN", comment)));
        }
    }
}

}  // namespace ks
