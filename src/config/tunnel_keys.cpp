// SPDX-License-Identifier: GPL-2.0-or-later
#include "endpoint_list.hpp"
#include "inbound_keys.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/printable.hpp"
#include "killswitchd/tunnels.hpp"
#include "readers.hpp"
#include "reconnect_keys.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::size_t kMaxTunnels = 64;
constexpr std::size_t kMaxEndpoints = 16384;

/// A tunnel while it is read, with the places that later checks point to.
struct TunnelDraft {
    Tunnel tunnel;
    Place name_at;
    Place interface_at;
    Place only_at;
    Place roaming_at;
    Place inbound_at;
    Place private_at;
};

void read_mark(Context& context, const Node& node, Only& only) {
    only.fwmark = read_value(context, node, "only.fwmark", parse_mark,
                             "write VALUE or VALUE/MASK, decimal or 0x, as the VPN sets it");
}

Node write_mark(const Only& only) {
    return only.fwmark
               ? write_plain(fmt::format("0x{:x}/0x{:x}", only.fwmark->value, only.fwmark->mask))
               : left_out();
}

constexpr std::array<Key<Only>, 4> kOnlyKeys{
    {{"fwmark", read_mark, write_mark}, kUserKey<Only>, kGroupKey<Only>, kCgroupKey<Only>}};

/// Programs whose interfaces are of a kind that is not called like them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kPrograms{
    {{"openvpn", "tun"},
     {"wireguard-go", "tun"},
     {"gotatun", "tun"},
     {"boringtun", "tun"},
     {"openconnect", "tun"},
     {"tailscale", "tun"},
     {"tap", "tun"},
     {"l2tp", "ppp"},
     {"pptp", "ppp"},
     {"ipsec", "xfrm"}}};

/// A kind that no device has would lock its owner out.
void read_kind(Context& context, const Node& node, TunnelDraft& draft) {
    if (!expect(context, node, Node::Kind::scalar, "kind")) {
        return;
    }
    const auto kinds = tunnel_kinds();
    if (std::ranges::find(kinds, node.text) != kinds.end()) {
        draft.tunnel.kind = node.text;
        return;
    }
    const std::vector<std::string> accepted(kinds.begin(), kinds.end());
    const auto* const program =
        std::ranges::find(kPrograms, node.text, &decltype(kPrograms)::value_type::first);
    if (program == kPrograms.end()) {
        report_unknown(context, node.at, "link kind", node.text, accepted);
        return;
    }
    context.findings.error(
        node.at, fmt::format("no link kind is called '{}'; write '{}'", node.text, program->second),
        fmt::format("accepted: {}", fmt::join(accepted, ", ")));
}

void read_ipsec(Context& context, const Node& node, TunnelDraft& draft) {
    constexpr std::array<Word<bool>, 1> kWords{{{"policy", true}}};
    draft.tunnel.ipsec = read_word(context, node, "ipsec", kWords).has_value();
}

void read_roaming(Context& context, const Node& node, TunnelDraft& draft) {
    draft.roaming_at = node.at;
    draft.tunnel.follow_roaming = read_flag(context, node, "follow_roaming").value_or(false);
}

constexpr std::array<Word<PrivateUse>, 2> kPrivateUses{
    {{"allow", PrivateUse::allow}, {"refuse", PrivateUse::refuse}}};

constexpr std::array<Key<TunnelDraft>, 12> kTunnelKeys{{
    {"name",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.name_at = n.at;
         d.tunnel.name = read_value(c, n, "name", parse_label, "write a short label").value_or("");
     },
     [](const TunnelDraft& d) { return write_name(d.tunnel.name); }},
    {"interface",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.interface_at = n.at;
         d.tunnel.interface =
             read_interface(c, n, "interface",
                            "write the tunnel's interface name, such as wg0 or tun0")
                 .value_or("");
     },
     [](const TunnelDraft& d) { return write_name(d.tunnel.interface); }},
    {"kind", read_kind, [](const TunnelDraft& d) { return write_name(d.tunnel.kind); }},
    {"endpoints", [](Context& c, const Node& n, TunnelDraft& d) { read_endpoints(c, n, d.tunnel); },
     [](const TunnelDraft& d) { return write_endpoints(d.tunnel); }, endpoint_keys},
    {"only",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.only_at = n.at;
         read_map(c, n, "only", kOnlyKeys, d.tunnel.only);
     },
     [](const TunnelDraft& d) { return write_map(kOnlyKeys, d.tunnel.only); },
     [] { return names_of(kOnlyKeys); }},
    {"follow_roaming", read_roaming,
     [](const TunnelDraft& d) {
         return d.tunnel.follow_roaming ? write_plain("true") : left_out();
     }},
    {"reconnect", [](Context& c, const Node& n, TunnelDraft& d) { read_reconnect(c, n, d.tunnel); },
     [](const TunnelDraft& d) { return write_reconnect(d.tunnel); }, reconnect_keys},
    {"ipsec", read_ipsec,
     [](const TunnelDraft& d) { return d.tunnel.ipsec ? write_plain("policy") : left_out(); }},
    {"inbound",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.inbound_at = n.at;
         read_inbound(c, n, d.tunnel.inbound);
     },
     [](const TunnelDraft& d) { return write_inbound(d.tunnel.inbound); }},
    {"inbound_file",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.inbound_at = n.at;
         d.tunnel.inbound_file =
             read_value(c, n, "inbound_file", parse_path, "write the whole path, from '/' on")
                 .value_or("");
         warn_if_hidden(c, n, "inbound_file", d.tunnel.inbound_file);
     },
     [](const TunnelDraft& d) { return write_name(d.tunnel.inbound_file); }},
    {"private",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.private_at = n.at;
         set_word(c, n, "private", kPrivateUses, d.tunnel.private_use);
     },
     [](const TunnelDraft& d) { return write_word(kPrivateUses, d.tunnel.private_use); }},
    {"via",
     [](Context& c, const Node& n, TunnelDraft& d) {
         d.tunnel.via =
             read_value(c, n, "via", parse_label, "write the name of another tunnel").value_or("");
     },
     [](const TunnelDraft& d) { return write_name(d.tunnel.via); }},
}};

/// Whether `pattern` matches names that network cards and modems usually have.
bool matches_uplinks(std::string_view pattern) {
    constexpr std::array<std::string_view, 8> kUplinks{"bond", "br",  "en", "eth",
                                                       "ppp",  "usb", "wl", "ww"};
    const bool open_end = pattern.back() == '*';
    const std::string_view stem = pattern.substr(0, pattern.size() - (open_end ? 1 : 0));
    return std::any_of(kUplinks.begin(), kUplinks.end(), [&](std::string_view uplink) {
        return stem.substr(0, uplink.size()) == uplink ||
               (open_end && uplink.substr(0, stem.size()) == stem);
    });
}

void warn_about_interface(Context& context, const Tunnel& tunnel, const Place& at) {
    if (const auto group = group_in(tunnel.interface)) {
        context.findings.warning(
            at,
            fmt::format("tunnel {}: every interface in group {} counts as the tunnel",
                        in_quotes(tunnel.name), *group),
            "write the tunnel's exact name where it is known");
        return;
    }
    const bool pattern = tunnel.interface.back() == '*';
    if (matches_uplinks(tunnel.interface) && (pattern || tunnel.kind.empty())) {
        context.findings.warning(
            at,
            fmt::format("tunnel {}: interface {} also fits names of network cards and modems, "
                        "through which traffic would leave unprotected",
                        in_quotes(tunnel.name), in_quotes(tunnel.interface)),
            pattern ? "write the tunnel's exact name" : "add the tunnel's kind");
    } else if (pattern) {
        context.findings.warning(
            at,
            fmt::format("tunnel {}: every interface whose name fits {} counts as the tunnel",
                        in_quotes(tunnel.name), in_quotes(tunnel.interface)),
            "write the tunnel's exact name where it is known");
    }
}

/// Whether the kernel itself sends the encrypted packets.
bool sent_by_kernel(const Tunnel& tunnel) {
    constexpr std::array<std::string_view, 6> kKinds{"amneziawg", "ovpn",      "vti",
                                                     "vti6",      "wireguard", "xfrm"};
    return tunnel.ipsec || std::find(kKinds.begin(), kKinds.end(), tunnel.kind) != kKinds.end();
}

void warn_about_endpoints(Context& context, const Tunnel& tunnel, const Place& at) {
    if (tunnel.endpoints.empty() && tunnel.imports.empty() && tunnel.names.empty() &&
        !tunnel.automatic) {
        context.findings.warning(
            at,
            fmt::format("tunnel {} has no endpoint: it cannot connect while traffic is blocked",
                        in_quotes(tunnel.name)),
            "add the VPN server's address under 'endpoints'");
    } else if (tunnel.only.empty()) {
        context.findings.warning(
            at,
            fmt::format("tunnel {}: every program may send to its endpoints",
                        in_quotes(tunnel.name)),
            sent_by_kernel(tunnel)
                ? "narrow them with 'only': the fwmark of the VPN"
                : "narrow them with 'only': fwmark, user, group or cgroup of the VPN");
    }
}

/// Such packets have no socket, or still that of the program whose data they carry.
void refuse_senders_of_kernel(Context& context, const TunnelDraft& draft) {
    const Only& only = draft.tunnel.only;
    if (sent_by_kernel(draft.tunnel) && (only.user || only.group || only.cgroup)) {
        context.findings.error(
            draft.only_at,
            fmt::format("tunnel {}: the kernel itself sends the packets of {}, which belong to no "
                        "user, group or cgroup, so they could never reach the endpoint",
                        in_quotes(draft.tunnel.name),
                        draft.tunnel.ipsec ? std::string("IPsec")
                                           : fmt::format("kind {}", in_quotes(draft.tunnel.kind))),
            "narrow the endpoints with 'only: { fwmark: ... }' alone");
    }
}

/// Who moves the server chooses the address: the VPN's packets may follow, nobody else's.
void check_roaming(Context& context, const TunnelDraft& draft) {
    if (!draft.tunnel.follow_roaming) {
        return;
    }
    if (!draft.tunnel.automatic) {
        context.findings.error(draft.roaming_at,
                               "follow_roaming: true has no effect without 'auto' among the "
                               "endpoints",
                               "add '- auto' under 'endpoints', or remove it");
    } else if (draft.tunnel.only.empty()) {
        context.findings.error(
            draft.roaming_at,
            "follow_roaming: true needs 'only' beside it: else the VPN's server could open any "
            "address to every program",
            "narrow the endpoints with 'only', such as the fwmark of the VPN");
    }
}

/// IPsec without an interface has no name to go by and nothing else to match.
void check_ipsec(Context& context, const Node& node, const TunnelDraft& draft) {
    for (const char* const key : {"interface", "kind"}) {
        if (const Node* const value = node.find(key)) {
            context.findings.error(value->at,
                                   fmt::format("'{}' cannot stand beside 'ipsec: policy'", key),
                                   "remove it; for IPsec with an xfrm interface remove 'ipsec'");
        }
    }
    if (!node.find("name")) {
        context.findings.error(node.at, "tunnel with 'ipsec: policy' has no 'name'",
                               "give it a short label");
    }
    const Node* const endpoints = node.find("endpoints");
    if (draft.tunnel.automatic) {
        context.findings.error(endpoints->at,
                               "'auto' learns from the device of a WireGuard tunnel, and IPsec by "
                               "policy has none",
                               "write the VPN server's addresses");
    }
    const bool none = endpoints && endpoints->kind == Node::Kind::list && endpoints->items.empty();
    if (!endpoints || none) {
        context.findings.error(
            endpoints ? endpoints->at : node.at,
            fmt::format("tunnel {} has no endpoint", in_quotes(draft.tunnel.name)),
            "write the VPN server's ADDRESS:500/udp, ADDRESS:4500/udp and "
            "ADDRESS/esp");
    }
}

void check_interface(Context& context, const Node& node, TunnelDraft& draft) {
    if (!node.find("interface")) {
        context.findings.error(node.at, "tunnel has no 'interface'",
                               "write the tunnel's interface name, such as wg0 or tun0");
    }
    if (!node.find("name")) {
        draft.tunnel.name = draft.tunnel.interface;
        draft.name_at = draft.interface_at;
    }
}

std::optional<TunnelDraft> read_tunnel(Context& context, const Node& node) {
    TunnelDraft draft;
    if (!expect(context, node, Node::Kind::map, "a tunnel")) {
        return std::nullopt;
    }
    const std::size_t errors_before = context.findings.errors();
    read_map(context, node, "a tunnel", kTunnelKeys, draft);
    if (node.find("ipsec")) {
        check_ipsec(context, node, draft);
    } else {
        check_interface(context, node, draft);
    }
    refuse_senders_of_kernel(context, draft);
    check_roaming(context, draft);
    if (context.findings.errors() == errors_before) {
        if (!draft.tunnel.ipsec) {
            warn_about_interface(context, draft.tunnel, node.at);
        }
        warn_about_endpoints(context, draft.tunnel, node.at);
        warn_about_inbound(context, draft.tunnel, draft.inbound_at);
    }
    return draft;
}

using Places = std::map<std::string, Place>;

void claim(Context& context, Places& taken, std::string_view what, const std::string& value,
           const Place& at) {
    if (value.empty()) {
        return;
    }
    const auto [first, added] = taken.emplace(value, at);
    if (!added) {
        context.findings.error(at,
                               fmt::format("{} {} is taken by the tunnel on {}", what,
                                           in_quotes(value),
                                           context.findings.refer_to(first->second, at)),
                               "each tunnel needs its own name and interface");
    }
}

void read_tunnels(Context& context, const Node& node, Policy& policy) {
    if (!expect(context, node, Node::Kind::list, "tunnels")) {
        return;
    }
    Places names;
    Places interfaces;
    std::size_t endpoints = 0;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const Node& item = node.items[i];
        if (i == kMaxTunnels) {
            context.findings.error(item.at, fmt::format("more than {} tunnels", kMaxTunnels),
                                   "remove some");
            return;
        }
        auto draft = read_tunnel(context, item);
        if (!draft) {
            continue;
        }
        claim(context, names, "name", draft->tunnel.name, draft->name_at);
        claim(context, interfaces, "interface", draft->tunnel.interface, draft->interface_at);
        if (draft->tunnel.ipsec) {
            const auto at = [&](const Place& key) { return key.line == 0 ? draft->name_at : key; };
            require_agreement(context, policy, draft->tunnel, at(draft->inbound_at),
                              at(draft->private_at));
        }
        endpoints += draft->tunnel.endpoints.size() + draft->tunnel.names.size();
        policy.tunnels.push_back(std::move(draft->tunnel));
        if (endpoints > kMaxEndpoints) {
            context.findings.error(
                item.at, fmt::format("more than {} endpoints in all tunnels", kMaxEndpoints),
                "remove some");
            return;
        }
    }
}

Node write_tunnels(const Policy& policy) {
    return write_list(policy.tunnels, [](const Tunnel& tunnel) {
        TunnelDraft draft;
        draft.tunnel = tunnel;
        return write_map(kTunnelKeys, draft);
    });
}

}  // namespace

Key<Policy> tunnels_key() {
    return {"tunnels", read_tunnels, write_tunnels, [] { return names_of(kTunnelKeys); }};
}

}  // namespace ks
