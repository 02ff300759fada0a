// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema.hpp"

#include "killswitchd/policy.hpp"
#include "text.hpp"
#include "values.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

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
constexpr std::array<Word<Scope>, 2> kScopes{{{"all", Scope::all}, {"apps", Scope::apps}}};
constexpr std::array<Word<Raw>, 2> kRaw{{{"block", Raw::block}, {"allow", Raw::allow}}};

void read_version(Context& context, const Node& node, Policy&) {
    if (!expect(context, node, Node::Kind::scalar, "version")) {
        return;
    }
    const auto version = parse_decimal(node.text, kVersion);
    if (!version || *version != kVersion || node.quoting == Node::Quoting::quoted) {
        context.findings.error(
            node.at,
            fmt::format("version {} is not known to this killswitchd", in_quotes(node.text)),
            "write 'version: 1', without quotes around the number");
    }
}

void read_dns_servers(Context& context, const Node& node, Policy& policy) {
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

constexpr std::array<Key<Policy>, 15> kRootKeys{{
    {"version", read_version},
    {"mode", [](Context& c, const Node& n, Policy& p) { set_word(c, n, "mode", kModes, p.mode); }},
    {"boot",
     [](Context& c, const Node& n, Policy& p) { set_word(c, n, "boot", kBootLocks, p.boot); }},
    {"tunnels", read_tunnels},
    {"ipv6", [](Context& c, const Node& n, Policy& p) { set_word(c, n, "ipv6", kIpv6, p.ipv6); }},
    {"dns", [](Context& c, const Node& n, Policy& p) { read_map(c, n, "dns", kDnsKeys, p); }},
    {"lan", read_lan},
    {"guests", read_guests},
    {"allow", read_allow},
    {"scope",
     [](Context& c, const Node& n, Policy& p) { set_word(c, n, "scope", kScopes, p.scope); }},
    {"apps", read_apps},
    {"raw", [](Context& c, const Node& n, Policy& p) { set_word(c, n, "raw", kRaw, p.raw); }},
    {"log", [](Context& c, const Node& n, Policy&) { read_log(c, n); }},
    {"ownership", [](Context& c, const Node& n,
                     Policy& p) { set_word(c, n, "ownership", kOwnerships, p.ownership); }},
    {"control", [](Context& c, const Node& n,
                   Policy& p) { read_map(c, n, "control", kControlKeys, p.control); }},
}};

}  // namespace

Policy read_policy(Context& context, const Node& root) {
    Policy policy;
    read_map(context, root, "a config file", kRootKeys, policy);
    if (policy.mode == Mode::on_drop && !root.find("boot")) {
        policy.boot = BootLock::open;
    }
    if (context.coverage == Coverage::whole && root.kind == Node::Kind::map) {
        check_policy(context, root, policy);
    }
    return policy;
}

}  // namespace ks
