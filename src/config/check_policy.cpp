// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/printable.hpp"
#include "killswitchd/special.hpp"
#include "killswitchd/tunnels.hpp"
#include "killswitchd/via.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// The value at `section`.`key`, or null.
const Node* find_below(const Node& root, std::string_view section, std::string_view key) {
    const Node* const map = root.find(section);
    return map ? map->find(key) : nullptr;
}

void require(Context& context, const Node& root, std::string_view key, const char* hint) {
    if (!root.find(key)) {
        context.findings.error(root.at, fmt::format("'{}' is missing", key), hint);
    }
}

void require_tunnels(Context& context, const Node& root, const Policy& policy) {
    const Node* const tunnels = root.find("tunnels");
    const bool switched_off = !root.find("mode") || policy.mode == Mode::off;
    if (switched_off || (tunnels && !tunnels->items.empty())) {
        return;
    }
    if (!tunnels) {
        context.findings.error(root.at, "'tunnels' is missing",
                               "name at least one tunnel interface");
    } else if (tunnels->kind == Node::Kind::list) {
        context.findings.error(tunnels->at, "'tunnels' is an empty list",
                               "name at least one tunnel interface, or write 'mode: off'");
    }
}

void check_boot(Context& context, const Node& root, const Policy& policy) {
    const Node* const boot = root.find("boot");
    if (boot && policy.mode == Mode::always && policy.boot == BootLock::open) {
        context.findings.warning(
            boot->at, "boot: open: everything may leave from boot on until the service has started",
            "write 'boot: lock'");
    }
}

void check_raw(Context& context, const Node& root, const Policy& policy) {
    const Node* const raw = root.find("raw");
    if (raw && policy.raw == Raw::allow) {
        context.findings.warning(raw->at,
                                 "raw: allow: packet sockets and bridged guests may send anything "
                                 "outside the tunnel",
                                 "write 'raw: block'");
    }
}

/// A rule that masquerades takes packets out of the IPsec policy after the rules judged them; only
/// those at the devices see that.
void check_ipsec(Context& context, const Node& root, const Policy& policy) {
    const Node* const tunnels = root.find("tunnels");
    const bool watched = policy.raw == Raw::block && policy.scope == Scope::all;
    if (uses_ipsec(policy) && !watched && tunnels != nullptr) {
        context.findings.warning(
            tunnels->at,
            "ipsec: policy: without 'raw: block' and 'scope: all' nothing stops packets that a "
            "masquerade rule of this host takes out of the IPsec policy",
            "let such rules skip what will be encrypted: 'rt ipsec exists accept' before them");
    }
}

/// A tunnel around another one, as far as there can be one.
void check_via(Context& context, const Node& root, const Policy& policy) {
    const Node* const tunnels = root.find("tunnels");
    for (std::size_t i = 0; tunnels && i < tunnels->items.size(); ++i) {
        const Node* const via = tunnels->items[i].find("via");
        const Node* const named = tunnels->items[i].find("name");
        const Node* const label = named ? named : tunnels->items[i].find("interface");
        const auto tunnel = label == nullptr
                                ? policy.tunnels.end()
                                : std::ranges::find(policy.tunnels, label->text, &Tunnel::name);
        if (via == nullptr || tunnel == policy.tunnels.end() || tunnel->via.empty()) {
            continue;
        }
        const Tunnel* const outer = outer_of(policy, *tunnel);
        if (outer == nullptr) {
            std::vector<std::string> names;
            std::ranges::transform(policy.tunnels, std::back_inserter(names), &Tunnel::name);
            report_unknown(context, via->at, "tunnel", tunnel->via, names);
        } else if (goes_in_circles(policy, *tunnel)) {
            context.findings.error(
                via->at, fmt::format("tunnel {} would go through itself", in_quotes(tunnel->name)),
                "name the tunnel that is around this one");
        } else if (tunnel->ipsec || outer->ipsec) {
            context.findings.error(via->at,
                                   "via: nothing tells the packets of 'ipsec: policy' apart there",
                                   "use an xfrm interface, which is a tunnel like others");
        }
    }
}

void check_public_networks(Context& context, const Node& networks, const Lan& lan) {
    for (const Node& item : networks.items) {
        const auto prefix = parse_network(item.text);
        if (!prefix || is_private(*prefix)) {
            continue;
        }
        if (!lan.unsafe) {
            context.findings.error(
                item.at,
                fmt::format("lan.networks: {} is public; that needs 'unsafe: true' beside it",
                            prefix->str()),
                "a network that calls public addresses local can read what is sent to them");
        } else if (lan.allow) {
            context.findings.warning(
                item.at,
                fmt::format("lan.networks: {} is public and may be reached outside the tunnel",
                            prefix->str()),
                "list private prefixes alone");
        }
    }
}

void warn_without_effect(Context& context, const Node& root, std::string_view key, bool value) {
    const Node* const node = find_below(root, "lan", key);
    if (node && value) {
        context.findings.warning(
            node->at, fmt::format("lan.{}: true has no effect while lan.allow is false", key),
            "write 'allow: true' beside it, or remove it");
    }
}

void check_lan(Context& context, const Node& root, const Lan& lan) {
    const Node* const unsafe = find_below(root, "lan", "unsafe");
    const Node* const networks = find_below(root, "lan", "networks");
    if (networks && lan.networks == Lan::Networks::listed) {
        check_public_networks(context, *networks, lan);
    } else if (unsafe && lan.unsafe) {
        context.findings.error(unsafe->at,
                               "lan.unsafe: true needs a list of prefixes in lan.networks",
                               "write the public prefixes out, or remove 'unsafe'");
    }
    const Node* const dns = find_below(root, "lan", "dns");
    if (!lan.allow) {
        warn_without_effect(context, root, "dns", lan.dns);
        warn_without_effect(context, root, "inbound", lan.inbound);
    } else if (dns && lan.dns) {
        context.findings.warning(
            dns->at, "lan.dns: true: the local network sees the names that its resolvers are asked",
            "remove it unless names of the local network are needed");
    }
}

/// Whether one name can fit both.
bool fit_the_same(std::string_view a, std::string_view b) {
    const auto stem = [](std::string_view pattern) {
        return pattern.substr(0, pattern.size() - (pattern.ends_with('*') ? 1 : 0));
    };
    if (group_in(a) || group_in(b)) {  // Whether a name is in a group, no config tells.
        return a == b;
    }
    return interface_matches(a, stem(b)) || interface_matches(b, stem(a));
}

/// An interface is the tunnel, or lies beside it, but never both.
void refuse_tunnels_in(Context& context, const Node* list, std::string_view what,
                       const std::vector<std::string>& interfaces, const Policy& policy,
                       const char* hint) {
    if (!list) {
        return;
    }
    for (const Node& item : list->items) {
        // A group by name is one by number by now, where no item was refused.
        const auto place = static_cast<std::size_t>(&item - list->items.data());
        const std::string& name =
            interfaces.size() == list->items.size() ? interfaces[place] : item.text;
        const auto tunnel =
            std::find_if(policy.tunnels.begin(), policy.tunnels.end(), [&](const Tunnel& t) {
                return !name.empty() && !t.interface.empty() && fit_the_same(name, t.interface);
            });
        if (tunnel != policy.tunnels.end()) {
            context.findings.error(item.at,
                                   fmt::format("{} {} fits {}, the interface of tunnel {}", what,
                                               in_quotes(item.text), in_quotes(tunnel->interface),
                                               in_quotes(tunnel->name)),
                                   hint);
        }
    }
}

/// Whether a list of `apps` has an item, be it a mistaken one.
bool names_somebody(const Node* apps) {
    return apps && std::any_of(apps->entries.begin(), apps->entries.end(),
                               [](const Entry& list) { return !list.value.items.empty(); });
}

void check_scope(Context& context, const Node& root, const Policy& policy) {
    const Node* const scope = root.find("scope");
    const Node* const apps = root.find("apps");
    const bool somebody = names_somebody(apps);
    if (policy.scope == Scope::all) {
        if (somebody) {
            context.findings.error(apps->at, "apps has no effect with 'scope: all'",
                                   "set scope: apps, or remove apps");
        }
    } else if (scope && !somebody) {
        context.findings.warning(
            scope->at, "scope: apps: all but what run-confined starts may leave outside the tunnel",
            "list whom else to confine under 'apps'");
    } else if (scope) {
        context.findings.warning(
            scope->at,
            "scope: apps: all that is not listed under 'apps' may leave outside the tunnel",
            "this includes names that a resolver service looks up for the listed programs");
    }
}

}  // namespace

void check_policy(Context& context, const Node& root, const Policy& policy) {
    require(context, root, "version", "write 'version: 1' at the beginning");
    require(context, root, "mode", "write 'mode: always' or 'mode: off'");
    require_tunnels(context, root, policy);
    check_boot(context, root, policy);
    check_raw(context, root, policy);
    check_lan(context, root, policy.lan);
    refuse_tunnels_in(context, find_below(root, "lan", "interfaces"), "lan.interfaces",
                      policy.lan.interfaces, policy,
                      "name interfaces of the local network, without the tunnels");
    refuse_tunnels_in(context, find_below(root, "guests", "interfaces"), "guests.interfaces",
                      policy.guests.interfaces, policy,
                      "name interfaces of guests, without the tunnels");
    check_scope(context, root, policy);
    check_ipsec(context, root, policy);
    check_via(context, root, policy);
}

}  // namespace ks
