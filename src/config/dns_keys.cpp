// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/accounts.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/printable.hpp"
#include "killswitchd/special.hpp"
#include "readers.hpp"
#include "schema.hpp"
#include "values.hpp"
#include "writers.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxDnsServers = 16;
constexpr std::size_t kMaxBootstrapServers = 8;  ///< All are tried before a question has failed.

void read_servers(Context& context, const Node& node, Policy& policy) {
    constexpr const char* kHint = "write 'any', or a list of addresses such as [10.2.0.1]";
    if (node.kind == Node::Kind::scalar) {
        if (node.text != "any") {
            context.findings.error(
                node.at, fmt::format("dns.servers {} is not 'any' or a list", in_quotes(node.text)),
                kHint);
        }
        return;
    }
    policy.dns_servers =
        read_list(context, node, "dns.servers", Empty::refused, kMaxDnsServers,
                  [](Context& c, const Node& item) {
                      return read_value(c, item, "a DNS server", parse_host, kHint);
                  });
}

Node write_servers(const Policy& policy) {
    return policy.dns_servers ? write_texts(*policy.dns_servers) : write_plain("any");
}

std::optional<IpAddress> read_bootstrap_server(Context& context, const Node& item) {
    const auto server =
        read_value(context, item, "a DNS server", parse_host, "write an address such as 9.9.9.9");
    if (server && is_private(Prefix::of(*server, server->bits()))) {
        context.findings.warning(
            item.at,
            fmt::format("dns.bootstrap: {} is in the local network: whoever answers there chooses "
                        "where the VPN's packets go, and sees which VPN it is",
                        in_quotes(item.text)),
            "name a resolver that you trust, such as 9.9.9.9");
    }
    return server;
}

void read_bootstrap(Context& context, const Node& node, Policy& policy) {
    policy.bootstrap.servers = read_list(context, node, "dns.bootstrap", Empty::allowed,
                                         kMaxBootstrapServers, read_bootstrap_server);
}

/// Who may do everything else too is nobody to tell apart by.
void read_resolver(Context& context, const Node& node, Policy& policy) {
    policy.bootstrap.user = read_user(context, node);
    if (policy.bootstrap.user == 0U) {
        context.findings.error(node.at, "dns.user is root, who sends much else",
                               "remove it, or name an account that does nothing else");
    }
}

const std::array<Key<Policy>, 4>& dns_keys() {
    static const std::array<Key<Policy>, 4> keys{{
        {"servers", read_servers, write_servers},
        {"bootstrap", read_bootstrap,
         [](const Policy& p) { return write_texts(p.bootstrap.servers); }},
        {"user", read_resolver, [](const Policy& p) { return write_number(p.bootstrap.user); }},
        {"hosts",
         [](Context& c, const Node& n, Policy& p) {
             set_flag(c, n, "dns.hosts", p.bootstrap.hosts);
         },
         [](const Policy& p) { return write_flag(p.bootstrap.hosts); }},
    }};
    return keys;
}

/// Reports the names that nobody is there to be asked for.
void refuse_names(Context& context, const Node& endpoints) {
    for (const Node& item : endpoints.items) {
        if (item.kind != Node::Kind::scalar) {
            continue;
        }
        const auto endpoint = parse_endpoint(item.text);
        if (endpoint && std::holds_alternative<NamedEndpoint>(*endpoint)) {
            context.findings.error(
                item.at,
                fmt::format("endpoint {} is a name, and 'dns.bootstrap' says nobody to ask for it",
                            in_quotes(item.text)),
                "add dns: { bootstrap: [9.9.9.9, 149.112.112.112] }, or write the server's address");
        }
    }
}

void name_resolver(Context& context, const Node& servers, Bootstrap& bootstrap) {
    bootstrap.user = context.names.uid ? context.names.uid(kResolverUser) : std::nullopt;
    if (!bootstrap.user) {
        context.findings.unknown_name(
            servers.at, fmt::format("there is no user '{}', who would ask them", kResolverUser),
            fmt::format("run: useradd --system --shell /usr/sbin/nologin {}", kResolverUser));
    }
}

}  // namespace

Key<Policy> dns_key() {
    return {"dns",
            [](Context& c, const Node& n, Policy& p) { read_map(c, n, "dns", dns_keys(), p); },
            [](const Policy& p) { return write_map(dns_keys(), p); },
            [] { return names_of(dns_keys()); }};
}

void settle_bootstrap(Context& context, const Node& root, Policy& policy) {
    Bootstrap& bootstrap = policy.bootstrap;
    const Node* const dns = root.find("dns");
    const Node* const servers = dns != nullptr ? dns->find("bootstrap") : nullptr;
    if (servers != nullptr && !(servers->kind == Node::Kind::list && servers->items.empty())) {
        if (!bootstrap.servers.empty() && dns->find("user") == nullptr) {
            name_resolver(context, *servers, bootstrap);
        }
        return;
    }
    bootstrap.user.reset();
    const Node* const tunnels = root.find("tunnels");
    for (const Node& tunnel : tunnels != nullptr ? tunnels->items : std::vector<Node>{}) {
        const Node* const endpoints = tunnel.find("endpoints");
        if (endpoints != nullptr) {
            refuse_names(context, *endpoints);
        }
    }
}

}  // namespace ks
