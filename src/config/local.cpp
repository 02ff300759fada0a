// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/special.hpp"
#include "schema.hpp"
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

constexpr std::array<Word<Lan::Networks>, 2> kNetworks{
    {{"on-link", Lan::Networks::on_link}, {"private", Lan::Networks::private_}}};

void read_networks(Context& context, const Node& node, Lan& lan) {
    if (node.kind != Node::Kind::list) {
        set_word(context, node, "lan.networks", kNetworks, lan.networks);
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

Node write_networks(const Lan& lan) {
    return lan.networks == Lan::Networks::listed ? write_texts(lan.list)
                                                 : write_word(kNetworks, lan.networks);
}

constexpr std::array<Key<Lan>, 6> kLanKeys{{
    {"allow", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.allow", l.allow); },
     [](const Lan& l) { return write_flag(l.allow); }},
    {"networks", read_networks, write_networks},
    {"unsafe", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.unsafe", l.unsafe); },
     [](const Lan& l) { return write_flag(l.unsafe); }},
    {"interfaces",
     [](Context& c, const Node& n, Lan& l) {
         l.interfaces = read_interfaces(c, n, "lan.interfaces", Empty::allowed);
     },
     [](const Lan& l) { return write_texts(l.interfaces); }},
    {"dns", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.dns", l.dns); },
     [](const Lan& l) { return write_flag(l.dns); }},
    {"inbound", [](Context& c, const Node& n, Lan& l) { set_flag(c, n, "lan.inbound", l.inbound); },
     [](const Lan& l) { return write_flag(l.inbound); }},
}};

void read_guest_interfaces(Context& context, const Node& node, Guests& guests) {
    if (node.kind != Node::Kind::scalar) {
        guests.automatic = false;
        guests.interfaces = read_interfaces(context, node, "guests.interfaces", Empty::refused);
    } else if (node.text != "auto") {
        report_unknown(context, node.at, "guests.interfaces", node.text, {"auto", "[NAME, ...]"});
    }
}

Node write_guest_interfaces(const Guests& guests) {
    return guests.automatic ? write_plain("auto") : write_texts(guests.interfaces);
}

constexpr std::array<Word<Guests::Reach>, 2> kReaches{
    {{"tunnel", Guests::Reach::tunnel}, {"block", Guests::Reach::block}}};

constexpr std::array<Key<Guests>, 2> kGuestKeys{{
    {"interfaces", read_guest_interfaces, write_guest_interfaces},
    {"reach",
     [](Context& c, const Node& n, Guests& g) {
         set_word(c, n, "guests.reach", kReaches, g.reach);
     },
     [](const Guests& g) { return write_word(kReaches, g.reach); }},
}};

}  // namespace

Key<Policy> lan_key() {
    return {"lan",
            [](Context& c, const Node& n, Policy& p) { read_map(c, n, "lan", kLanKeys, p.lan); },
            [](const Policy& p) { return write_map(kLanKeys, p.lan); },
            [] { return names_of(kLanKeys); }};
}

Key<Policy> guests_key() {
    return {"guests",
            [](Context& c, const Node& n, Policy& p) {
                read_map(c, n, "guests", kGuestKeys, p.guests);
            },
            [](const Policy& p) { return write_map(kGuestKeys, p.guests); },
            [] { return names_of(kGuestKeys); }};
}

}  // namespace ks
