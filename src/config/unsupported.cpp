// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema.hpp"
#include "text.hpp"
#include "values.hpp"

#include <fmt/format.h>

namespace ks {

namespace {

/// Nothing of these sections reaches the policy.
struct Nothing {};

template <std::size_t N>
void check_map(Context& context, const Node& node, std::string_view what,
               const std::array<Key<Nothing>, N>& keys) {
    Nothing nothing;
    read_map(context, node, what, keys, nothing);
}

using ItemReader = void (*)(Context&, const Node&);

void check_list(Context& context, const Node& node, std::string_view what, ItemReader read) {
    if (expect(context, node, Node::Kind::list, what)) {
        for (const Node& item : node.items) {
            read(context, item);
        }
    }
}

/// For keys that are either one of `words` or a list.
void check_words_or_list(Context& context, const Node& node, std::string_view what,
                         const std::vector<std::string>& words, ItemReader read) {
    if (node.kind != Node::Kind::scalar) {
        check_list(context, node, what, read);
    } else if (std::find(words.begin(), words.end(), node.text) == words.end()) {
        report_unknown(context, node.at, what, node.text, words);
    }
}

void check_interface(Context& context, const Node& node) {
    read_value(context, node, "an interface", parse_interface, "write an interface name");
}

void check_prefix(Context& context, const Node& node) {
    read_value(context, node, "a prefix", parse_prefix, "write a prefix such as 192.0.2.0/24");
}

void check_user(Context& context, const Node& node) {
    read_account(context, node, "user", context.names.uid);
}

void check_group(Context& context, const Node& node) {
    read_account(context, node, "group", context.names.gid);
}

void check_cgroup(Context& context, const Node& node) {
    read_value(context, node, "a cgroup", parse_cgroup,
               "write a path such as system.slice/openvpn.service");
}

void check_services(Context& context, const Node& node) {
    check_list(context, node, "ports", [](Context& c, const Node& n) {
        read_value(c, n, "a port", parse_service, "write PORT/tcp or PORT/udp");
    });
}

constexpr std::array<Key<Nothing>, 6> kLanKeys{{
    {"allow",
     [](Context& c, const Node& n, Nothing&) { read_unsupported_flag(c, n, "lan.allow"); }},
    {"networks",
     [](Context& c, const Node& n, Nothing&) {
         check_words_or_list(c, n, "lan.networks", {"on-link", "private"}, check_prefix);
     }},
    {"unsafe",
     [](Context& c, const Node& n, Nothing&) { read_unsupported_flag(c, n, "lan.unsafe"); }},
    {"interfaces", [](Context& c, const Node& n,
                      Nothing&) { check_list(c, n, "lan.interfaces", check_interface); }},
    {"dns", [](Context& c, const Node& n, Nothing&) { read_unsupported_flag(c, n, "lan.dns"); }},
    {"inbound",
     [](Context& c, const Node& n, Nothing&) { read_unsupported_flag(c, n, "lan.inbound"); }},
}};

void check_reach(Context& context, const Node& node, Nothing&) {
    enum class Reach : std::uint8_t { block, tunnel };
    constexpr std::array<Word<Reach>, 2> kWords{
        {{"tunnel", Reach::tunnel}, {"block", Reach::block}}};
    if (read_word(context, node, "guests.reach", kWords) == Reach::tunnel) {
        refuse_unsupported(context, node, "guests.reach: tunnel");
    }
}

constexpr std::array<Key<Nothing>, 2> kGuestKeys{{
    {"interfaces",
     [](Context& c, const Node& n, Nothing&) {
         check_words_or_list(c, n, "guests.interfaces", {"auto"}, check_interface);
     }},
    {"reach", check_reach},
}};

constexpr std::array<Key<Nothing>, 6> kOutboundKeys{{
    {"to", [](Context& c, const Node& n, Nothing&) { check_prefix(c, n); }},
    {"ports", [](Context& c, const Node& n, Nothing&) { check_services(c, n); }},
    {"user", [](Context& c, const Node& n, Nothing&) { check_user(c, n); }},
    {"group", [](Context& c, const Node& n, Nothing&) { check_group(c, n); }},
    {"cgroup", [](Context& c, const Node& n, Nothing&) { check_cgroup(c, n); }},
    {"interface", [](Context& c, const Node& n, Nothing&) { check_interface(c, n); }},
}};

constexpr std::array<Key<Nothing>, 3> kInboundKeys{{
    {"from", [](Context& c, const Node& n, Nothing&) { check_prefix(c, n); }},
    {"ports", [](Context& c, const Node& n, Nothing&) { check_services(c, n); }},
    {"interface", [](Context& c, const Node& n, Nothing&) { check_interface(c, n); }},
}};

constexpr std::array<Key<Nothing>, 2> kAllowKeys{{
    {"outbound",
     [](Context& c, const Node& n, Nothing&) {
         check_list(c, n, "allow.outbound", [](Context& context, const Node& item) {
             check_map(context, item, "an exception", kOutboundKeys);
             refuse_unsupported(context, item, "allow.outbound");
         });
     }},
    {"inbound",
     [](Context& c, const Node& n, Nothing&) {
         check_list(c, n, "allow.inbound", [](Context& context, const Node& item) {
             check_map(context, item, "an exception", kInboundKeys);
             refuse_unsupported(context, item, "allow.inbound");
         });
     }},
}};

/// A list that must stay empty for now; its items are checked all the same.
void check_apps(Context& context, const Node& node, std::string_view what, ItemReader read) {
    check_list(context, node, what, read);
    if (node.kind == Node::Kind::list && !node.items.empty()) {
        refuse_unsupported(context, node, what);
    }
}

constexpr std::array<Key<Nothing>, 3> kAppKeys{{
    {"users",
     [](Context& c, const Node& n, Nothing&) { check_apps(c, n, "apps.users", check_user); }},
    {"groups",
     [](Context& c, const Node& n, Nothing&) { check_apps(c, n, "apps.groups", check_group); }},
    {"cgroups",
     [](Context& c, const Node& n, Nothing&) { check_apps(c, n, "apps.cgroups", check_cgroup); }},
}};

constexpr std::array<Key<Nothing>, 2> kLogKeys{{
    {"blocked",
     [](Context& c, const Node& n, Nothing&) { read_unsupported_flag(c, n, "log.blocked"); }},
    {"rate",
     [](Context& c, const Node& n, Nothing&) {
         read_value(c, n, "log.rate", parse_rate, "write a rate such as 10/second");
     }},
}};

}  // namespace

void read_lan(Context& context, const Node& node) {
    check_map(context, node, "lan", kLanKeys);
}

void read_guests(Context& context, const Node& node) {
    check_map(context, node, "guests", kGuestKeys);
}

void read_allow(Context& context, const Node& node) {
    check_map(context, node, "allow", kAllowKeys);
}

void read_scope(Context& context, const Node& node) {
    constexpr std::array<Word<Scope>, 2> kWords{{{"all", Scope::all}, {"apps", Scope::apps}}};
    if (read_word(context, node, "scope", kWords) == Scope::apps) {
        refuse_unsupported(context, node, "scope: apps");
    }
}

void read_apps(Context& context, const Node& node) {
    check_map(context, node, "apps", kAppKeys);
}

void read_log(Context& context, const Node& node) {
    check_map(context, node, "log", kLogKeys);
}

void read_bootstrap(Context& context, const Node& node) {
    check_list(context, node, "dns.bootstrap", [](Context& c, const Node& item) {
        read_value(c, item, "a DNS server", parse_host, "write an address such as 9.9.9.9");
    });
    if (node.kind == Node::Kind::list && !node.items.empty()) {
        refuse_unsupported(context, node, "dns.bootstrap");
    }
}

}  // namespace ks
