// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema.hpp"

#include "killswitchd/policy.hpp"
#include "killswitchd/printable.hpp"
#include "values.hpp"

#include <array>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

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

Node write_read_access(const Control& control) {
    switch (control.read.who) {
    case ReadAccess::Who::group:
        return write_plain(fmt::format("group {}", control.read.gid));
    case ReadAccess::Who::root:
        return write_plain("root");
    case ReadAccess::Who::all:
        break;
    }
    return write_plain("all");
}

constexpr std::array<Key<Control>, 2> kControlKeys{{
    {"admin_group", read_admin_group,
     [](const Control& control) { return write_number(control.admin_gid); }},
    {"read", read_read_access, write_read_access},
}};

Key<Policy> control_key() {
    return {"control",
            [](Context& c, const Node& n, Policy& p) {
                read_map(c, n, "control", kControlKeys, p.control);
            },
            [](const Policy& p) { return write_map(kControlKeys, p.control); },
            [] { return names_of(kControlKeys); }};
}

}  // namespace

const std::array<Key<Policy>, kRootKeys>& root_keys() {
    static const std::array<Key<Policy>, kRootKeys> keys{{
        {"version", read_version, [](const Policy&) { return write_number(kVersion); }},
        {"mode",
         [](Context& c, const Node& n, Policy& p) { set_word(c, n, "mode", kModes, p.mode); },
         [](const Policy& p) { return write_word(kModes, p.mode); }},
        {"boot",
         [](Context& c, const Node& n, Policy& p) { set_word(c, n, "boot", kBootLocks, p.boot); },
         [](const Policy& p) { return write_word(kBootLocks, p.boot); }},
        tunnels_key(),
        {"ipv6",
         [](Context& c, const Node& n, Policy& p) { set_word(c, n, "ipv6", kIpv6, p.ipv6); },
         [](const Policy& p) { return write_word(kIpv6, p.ipv6); }},
        dns_key(),
        lan_key(),
        guests_key(),
        allow_key(),
        {"scope",
         [](Context& c, const Node& n, Policy& p) { set_word(c, n, "scope", kScopes, p.scope); },
         [](const Policy& p) { return write_word(kScopes, p.scope); }},
        apps_key(),
        {"raw", [](Context& c, const Node& n, Policy& p) { set_word(c, n, "raw", kRaw, p.raw); },
         [](const Policy& p) { return write_word(kRaw, p.raw); }},
        log_key(),
        {"ownership",
         [](Context& c, const Node& n, Policy& p) {
             set_word(c, n, "ownership", kOwnerships, p.ownership);
         },
         [](const Policy& p) { return write_word(kOwnerships, p.ownership); }},
        control_key(),
    }};
    return keys;
}

Policy read_policy(Context& context, const Node& root) {
    Policy policy;
    read_map(context, root, "a config file", root_keys(), policy);
    if (policy.mode == Mode::on_drop && !root.find("boot")) {
        policy.boot = BootLock::open;
    }
    if (context.coverage == Coverage::whole && root.kind == Node::Kind::map) {
        settle_bootstrap(context, root, policy);
        check_policy(context, root, policy);
    }
    return policy;
}

}  // namespace ks
