// SPDX-License-Identifier: GPL-2.0-or-later
#include "reconnect_keys.hpp"

#include "keys.hpp"
#include "killswitchd/printable.hpp"
#include "values.hpp"
#include "writers.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using std::chrono::seconds;

Result<std::string> parse_unit(std::string_view text) {
    if (!is_reconnect_unit(text)) {
        return Error{fmt::format("{} is no service that can be restarted", in_quotes(text))};
    }
    return std::string(text);
}

/// From a second to an hour: a VPN needs a moment, and who waits longer needs no help.
Result<seconds> parse_pause(std::string_view text) {
    constexpr std::uint32_t kMost = 3600;
    const bool minutes = text.ends_with('m');
    const auto number =
        minutes || text.ends_with('s')
            ? parse_decimal(text.substr(0, text.size() - 1), minutes ? kMost / 60 : kMost)
            : Result<std::uint32_t>(Error{""});
    if (!number || *number == 0) {
        return Error{fmt::format("{} is no time from 1s to 60m", in_quotes(text))};
    }
    return seconds(minutes ? *number * 60 : *number);
}

constexpr std::array<Key<Reconnect>, 2> kKeys{{
    {"unit",
     [](Context& c, const Node& n, Reconnect& r) {
         r.unit = read_value(c, n, "reconnect.unit", parse_unit,
                             "write the unit of the VPN, such as wg-quick@wg0.service")
                      .value_or("");
     },
     [](const Reconnect& r) { return write_name(r.unit); }},
    {"after",
     [](Context& c, const Node& n, Reconnect& r) {
         r.after = read_value(c, n, "reconnect.after", parse_pause, "write a time such as 10s")
                       .value_or(r.after);
     },
     [](const Reconnect& r) { return write_plain(fmt::format("{}s", r.after.count())); }},
}};

}  // namespace

void read_reconnect(Context& context, const Node& node, Tunnel& tunnel) {
    Reconnect reconnect;
    read_map(context, node, "reconnect", kKeys, reconnect);
    if (node.kind == Node::Kind::map && !node.find("unit")) {
        context.findings.error(node.at, "reconnect has no 'unit'",
                               "write the unit of the VPN, such as wg-quick@wg0.service");
    }
    tunnel.reconnect = std::move(reconnect);
}

Node write_reconnect(const Tunnel& tunnel) {
    return tunnel.reconnect ? write_map(kKeys, *tunnel.reconnect) : left_out();
}

std::vector<std::string> reconnect_keys() {
    return names_of(kKeys);
}

}  // namespace ks
