// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema.hpp"

#include "text.hpp"
#include "values.hpp"

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxDnsServers = 16;
constexpr std::uint32_t kVersion = 1;

constexpr std::array<Word<Mode>, 3> kModes{
    {{"off", Mode::off}, {"always", Mode::always}, {"on-drop", Mode::on_drop}}};
constexpr std::array<Word<BootLock>, 2> kBootLocks{
    {{"lock", BootLock::lock}, {"open", BootLock::open}}};
constexpr std::array<Word<Ipv6>, 2> kIpv6{{{"block", Ipv6::block}, {"tunnel", Ipv6::tunnel}}};
constexpr std::array<Word<Ownership>, 2> kOwnerships{
    {{"auto", Ownership::automatic}, {"off", Ownership::off}}};

/// Reads one of a few words into `value`, which keeps its default otherwise.
template <class T, std::size_t N>
void set_word(Context& context, const Node& node, std::string_view what,
              const std::array<Word<T>, N>& words, T& value) {
    value = read_word(context, node, what, words).value_or(value);
}

void read_version(Context& context, const Node& node, Policy&) {
    if (!expect(context, node, Node::Kind::scalar, "version")) {
        return;
    }
    const auto version = parse_decimal(node.text, kVersion);
    if (!version || *version != kVersion || node.quoting == Node::Quoting::quoted) {
        context.report.error(
            node.at, fmt::format("version {} is not known to this killswitchd", quoted(node.text)),
            "write 'version: 1', without quotes around the number");
    }
}

void read_mode(Context& context, const Node& node, Policy& policy) {
    set_word(context, node, "mode", kModes, policy.mode);
    if (policy.mode == Mode::on_drop) {
        refuse_unsupported(context, node, "mode: on-drop");
    }
}

void read_dns_servers(Context& context, const Node& node, Policy& policy) {
    constexpr const char* kHint = "write 'any', or a list of addresses such as [10.2.0.1]";
    if (node.kind != Node::Kind::list) {
        if (node.kind == Node::Kind::scalar && node.text != "any") {
            context.report.error(
                node.at, fmt::format("dns.servers {} is not 'any' or a list", quoted(node.text)),
                kHint);
        } else if (node.kind != Node::Kind::scalar) {
            static_cast<void>(expect(context, node, Node::Kind::list, "dns.servers"));
        }
        return;
    }
    std::vector<IpAddress> servers;
    for (const Node& item : node.items) {
        const auto server = read_value(context, item, "a DNS server", parse_host, kHint);
        if (server && std::find(servers.begin(), servers.end(), *server) != servers.end()) {
            context.report.error(item.at,
                                 fmt::format("DNS server {} is given twice", server->str()),
                                 "keep one of the two");
        } else if (server) {
            servers.push_back(*server);
        }
        if (servers.size() > kMaxDnsServers) {
            context.report.error(item.at, fmt::format("more than {} DNS servers", kMaxDnsServers),
                                 kHint);
            break;
        }
    }
    if (node.items.empty()) {
        context.report.error(node.at, "dns.servers is an empty list", kHint);
    }
    policy.dns_servers = std::move(servers);
}

constexpr std::array<Key<Policy>, 2> kDnsKeys{{
    {"servers", read_dns_servers},
    {"bootstrap", [](Context& c, const Node& n, Policy&) { read_bootstrap(c, n); }},
}};

void read_admin_group(Context& context, const Node& node, Control& control) {
    const bool none = node.kind == Node::Kind::scalar && node.text.empty();
    if (!none) {
        control.admin_gid = read_account(context, node, "group", context.names.gid);
    }
}

void read_read_access(Context& context, const Node& node, Control& control) {
    if (!expect(context, node, Node::Kind::scalar, "control.read")) {
        return;
    }
    constexpr std::string_view kGroup = "group ";
    if (node.text == "all" || node.text == "root") {
        control.read.who = node.text == "all" ? ReadAccess::Who::all : ReadAccess::Who::root;
    } else if (node.text.compare(0, kGroup.size(), kGroup) == 0) {
        const auto gid =
            to_account(context, node, node.text.substr(kGroup.size()), "group", context.names.gid);
        control.read = {ReadAccess::Who::group, gid.value_or(0)};
    } else {
        report_unknown(context, node.at, "control.read", node.text, {"all", "root", "group NAME"});
    }
}

constexpr std::array<Key<Control>, 2> kControlKeys{{
    {"admin_group", read_admin_group},
    {"read", read_read_access},
}};

constexpr std::array<Key<Policy>, 14> kRootKeys{{
    {"version", read_version},
    {"mode", read_mode},
    {"boot",
     [](Context& c, const Node& n, Policy& p) { set_word(c, n, "boot", kBootLocks, p.boot); }},
    {"tunnels", read_tunnels},
    {"ipv6", [](Context& c, const Node& n, Policy& p) { set_word(c, n, "ipv6", kIpv6, p.ipv6); }},
    {"dns", [](Context& c, const Node& n, Policy& p) { read_map(c, n, "dns", kDnsKeys, p); }},
    {"lan", [](Context& c, const Node& n, Policy&) { read_lan(c, n); }},
    {"guests", [](Context& c, const Node& n, Policy&) { read_guests(c, n); }},
    {"allow", [](Context& c, const Node& n, Policy&) { read_allow(c, n); }},
    {"scope", [](Context& c, const Node& n, Policy&) { read_scope(c, n); }},
    {"apps", [](Context& c, const Node& n, Policy&) { read_apps(c, n); }},
    {"log", [](Context& c, const Node& n, Policy&) { read_log(c, n); }},
    {"ownership", [](Context& c, const Node& n,
                     Policy& p) { set_word(c, n, "ownership", kOwnerships, p.ownership); }},
    {"control", [](Context& c, const Node& n,
                   Policy& p) { read_map(c, n, "control", kControlKeys, p.control); }},
}};

void require(Context& context, const Node& root, std::string_view key, const char* hint) {
    if (!root.find(key)) {
        context.report.error(root.at, fmt::format("'{}' is missing", key), hint);
    }
}

void require_all(Context& context, const Node& root, const Policy& policy) {
    require(context, root, "version", "write 'version: 1' at the beginning");
    require(context, root, "mode", "write 'mode: always' or 'mode: off'");
    const Node* const mode = root.find("mode");
    const Node* const tunnels = root.find("tunnels");
    const bool switched_off = !mode || policy.mode == Mode::off;
    if (switched_off || (tunnels && !tunnels->items.empty())) {
        return;
    }
    if (!tunnels) {
        context.report.error(root.at, "'tunnels' is missing", "name at least one tunnel interface");
    } else if (tunnels->kind == Node::Kind::list) {
        context.report.error(tunnels->at, "'tunnels' is an empty list",
                             "name at least one tunnel interface, or write 'mode: off'");
    }
}

}  // namespace

Policy read_policy(Context& context, const Node& root) {
    Policy policy;
    read_map(context, root, "a config file", kRootKeys, policy);
    if (context.coverage == Coverage::whole && root.kind == Node::Kind::map) {
        require_all(context, root, policy);
    }
    return policy;
}

}  // namespace ks
