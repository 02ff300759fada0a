// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "schema.hpp"
#include "special.hpp"
#include "text.hpp"
#include "values.hpp"

#include <array>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxNetworks = 64;

/// Sets of the kernel hold no range twice, and what lies in another range changes nothing.
void refuse_overlaps(Context& context, const Node& node, const std::vector<Prefix>& networks) {
    if (networks.size() != node.items.size()) {
        return;  // One of them was refused, so places and values no longer agree.
    }
    for (std::size_t i = 0; i < networks.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (overlap(networks[i], networks[j])) {
                context.findings.error(
                    node.items[i].at,
                    fmt::format("{} overlaps with {} on {}", networks[i].str(), networks[j].str(),
                                context.findings.refer_to(node.items[j].at, node.items[i].at)),
                    "keep the wider of the two, if both are meant");
                break;
            }
        }
    }
}

void read_networks(Context& context, const Node& node, Lan& lan) {
    constexpr std::array<Word<Lan::Networks>, 2> kWords{
        {{"on-link", Lan::Networks::on_link}, {"private", Lan::Networks::private_}}};
    if (node.kind != Node::Kind::list) {
        set_word(context, node, "lan.networks", kWords, lan.networks);
        return;
    }
    lan.networks = Lan::Networks::listed;
    lan.list = read_list(context, node, "lan.networks", Empty::refused, kMaxNetworks,
                         [](Context& c, const Node& item) {
                             return read_value(c, item, "a network", parse_network,
                                               "write a prefix such as 192.168.1.0/24");
                         });
    refuse_overlaps(context, node, lan.list);
}

constexpr std::array<Key<Lan>, 6> kLanKeys{{
    {"allow", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.allow", l.allow); }},
    {"networks", read_networks},
    {"unsafe", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.unsafe", l.unsafe); }},
    {"interfaces",
     [](Context& c, const Node& n, Lan& l) {
         l.interfaces = read_interfaces(c, n, "lan.interfaces", Empty::allowed);
     }},
    {"dns", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.dns", l.dns); }},
    {"inbound",
     [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.inbound", l.inbound); }},
}};

void read_guest_interfaces(Context& context, const Node& node, Guests& guests) {
    if (node.kind != Node::Kind::scalar) {
        guests.automatic = false;
        guests.interfaces = read_interfaces(context, node, "guests.interfaces", Empty::refused);
    } else if (node.text != "auto") {
        report_unknown(context, node.at, "guests.interfaces", node.text, {"auto", "[NAME, ...]"});
    }
}

constexpr std::array<Word<Guests::Reach>, 2> kReaches{
    {{"tunnel", Guests::Reach::tunnel}, {"block", Guests::Reach::block}}};

constexpr std::array<Key<Guests>, 2> kGuestKeys{{
    {"interfaces", read_guest_interfaces},
    {"reach", [](Context& c, const Node& n,
                 Guests& g) { set_word(c, n, "guests.reach", kReaches, g.reach); }},
}};

}  // namespace

void read_lan(Context& context, const Node& node, Policy& policy) {
    read_map(context, node, "lan", kLanKeys, policy.lan);
}

void read_guests(Context& context, const Node& node, Policy& policy) {
    read_map(context, node, "guests", kGuestKeys, policy.guests);
}

}  // namespace ks
