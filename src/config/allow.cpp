// SPDX-License-Identifier: GPL-2.0-or-later
#include "inbound_keys.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/printable.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxAllowRules = 64;
/// Prefixes that are shorter hold more than any one network has.
constexpr std::uint8_t kMinUsualLength = 8;

constexpr const char* kPrefixHint = "write an address, or a prefix such as 192.0.2.0/24";

void read_rule_ports(Context& context, const Node& node, AllowRule& exception) {
    exception.ports = read_ports(context, node);
}

Node write_rule_ports(const AllowRule& exception) {
    return exception.ports.empty() ? left_out() : write_ports(exception.ports);
}

Node write_far(const AllowRule& exception) {
    return exception.far ? write_text(exception.far->str()) : left_out();
}

void read_interface(Context& context, const Node& node, AllowRule& exception) {
    exception.interface =
        read_value(context, node, "interface", parse_interface, "write an interface name")
            .value_or("");
}

/// For what the sender alone has: on arrival there is no socket yet that a rule could ask.
template <const char* what>
void refuse_on_arrival(Context& context, const Node& node, AllowRule&) {
    context.findings.error(node.at,
                           fmt::format("{} cannot be known for a packet that arrives", what),
                           "use from, ports and interface");
}

constexpr char kUser[] = "user";
constexpr char kGroup[] = "group";
constexpr char kCgroup[] = "cgroup";

constexpr Key<AllowRule> kPortsKey{"ports", read_rule_ports, write_rule_ports};
constexpr Key<AllowRule> kInterfaceKey{"interface", read_interface, [](const AllowRule& exception) {
                                           return write_name(exception.interface);
                                       }};

constexpr std::array<Key<AllowRule>, 6> kOutboundKeys{{
    {"to",
     [](Context& c, const Node& n, AllowRule& e) {
         e.far = read_value(c, n, "to", parse_destination, kPrefixHint);
     },
     write_far},
    kPortsKey,
    kUserKey<AllowRule>,
    kGroupKey<AllowRule>,
    kCgroupKey<AllowRule>,
    kInterfaceKey,
}};

constexpr std::array<Key<AllowRule>, 6> kInboundKeys{{
    {"from",
     [](Context& c, const Node& n, AllowRule& e) {
         e.far = read_value(c, n, "from", parse_source, kPrefixHint);
     },
     write_far},
    kPortsKey,
    kInterfaceKey,
    Key<AllowRule>::refused(kUser, refuse_on_arrival<kUser>),
    Key<AllowRule>::refused(kGroup, refuse_on_arrival<kGroup>),
    Key<AllowRule>::refused(kCgroup, refuse_on_arrival<kCgroup>),
}};

std::string amount(const Prefix& prefix) {
    return fmt::format("{}, {}", prefix.str(),
                       prefix.length == 0 ? "every address" : "a large part of all addresses");
}

bool is_wide(const Prefix& prefix) noexcept {
    return prefix.length < kMinUsualLength;
}

std::string through(const std::string& interface) {
    return interface.empty() ? std::string() : fmt::format(" through {}", in_quotes(interface));
}

void warn_about_outbound(Context& context, const AllowRule& exception, const Place& at) {
    const bool anybody = !exception.user && !exception.group && !exception.cgroup;
    if (exception.far && is_wide(*exception.far)) {
        context.findings.warning(
            at, fmt::format("exception reaches {}, outside the tunnel", amount(*exception.far)),
            "narrow 'to'");
    } else if (!exception.far && anybody) {
        context.findings.warning(
            at,
            fmt::format("exception lets every program reach every address{}{}, outside the tunnel",
                        through(exception.interface),
                        exception.ports.empty() ? "" : " on its ports"),
            "add to, user, group or cgroup");
    }
}

void warn_about_inbound(Context& context, const AllowRule& exception, const Place& at) {
    const bool everywhere = !exception.far || is_wide(*exception.far);
    if (everywhere && exception.ports.empty()) {
        context.findings.warning(
            at,
            fmt::format("exception lets {} reach every port of this host{}",
                        exception.far ? amount(*exception.far) : std::string("every address"),
                        through(exception.interface)),
            "add ports, or narrow 'from'");
    }
}

struct Direction {
    std::string_view what;
    const std::array<Key<AllowRule>, 6>& keys;
    const char* conditions;
    void (*warn)(Context&, const AllowRule&, const Place&);
};

constexpr Direction kOutbound{"allow.outbound", kOutboundKeys,
                              "write any of to, ports, user, group, cgroup and interface",
                              warn_about_outbound};
constexpr Direction kInbound{"allow.inbound", kInboundKeys,
                             "write any of from, ports and interface", warn_about_inbound};

std::vector<AllowRule> read_allow_rules(Context& context, const Node& node,
                                        const Direction& direction) {
    std::vector<AllowRule> exceptions;
    if (!expect(context, node, Node::Kind::list, direction.what)) {
        return exceptions;
    }
    for (const Node& item : node.items) {
        if (exceptions.size() == kMaxAllowRules) {
            report_long_list(context, item, direction.what, kMaxAllowRules);
            break;
        }
        const std::size_t errors_before = context.findings.errors();
        AllowRule exception;
        read_map(context, item, "an exception", direction.keys, exception);
        if (context.findings.errors() == errors_before) {
            if (exception == AllowRule{}) {
                context.findings.error(item.at, "an exception needs at least one condition",
                                       direction.conditions);
            } else {
                direction.warn(context, exception, item.at);
            }
        }
        exceptions.push_back(std::move(exception));
    }
    return exceptions;
}

Node write_allow_rules(const std::vector<AllowRule>& exceptions, const Direction& direction) {
    return exceptions.empty() ? left_out() : write_list(exceptions, [&](const AllowRule& one) {
        return write_map(direction.keys, one);
    });
}

constexpr std::array<Key<Policy>, 2> kAllowKeys{{
    {"outbound",
     [](Context& c, const Node& n, Policy& p) { p.outbound = read_allow_rules(c, n, kOutbound); },
     [](const Policy& p) { return write_allow_rules(p.outbound, kOutbound); },
     [] { return names_of(kOutboundKeys); }},
    {"inbound",
     [](Context& c, const Node& n, Policy& p) { p.inbound = read_allow_rules(c, n, kInbound); },
     [](const Policy& p) { return write_allow_rules(p.inbound, kInbound); },
     [] { return names_of(kInboundKeys); }},
}};

}  // namespace

Key<Policy> allow_key() {
    return {"allow",
            [](Context& c, const Node& n, Policy& p) { read_map(c, n, "allow", kAllowKeys, p); },
            [](const Policy& p) { return write_map(kAllowKeys, p); },
            [] { return names_of(kAllowKeys); }};
}

}  // namespace ks
