// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.hpp"

#include "killswitchd/compile.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/net.hpp"
#include "private_network.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::test {

namespace {

Endpoint endpoint(const char* address, std::uint8_t protocol, std::uint16_t port) {
    return {*IpAddress::parse(address), protocol, port};
}

/// "elements = { a, b,\n c }" on one line, with the elements in order.
std::string with_sorted_elements(std::string block) {
    constexpr const char* kBegin = "elements = { ";
    const std::size_t begin = block.find(kBegin);
    if (begin == std::string::npos) {
        return block;
    }
    const std::size_t first = begin + std::string_view(kBegin).size();
    const std::size_t end = block.find(" }", first);
    std::string list = block.substr(first, end - first);
    std::erase_if(list, [](char c) { return c == '\n' || c == '\t'; });
    std::istringstream words(list);
    std::vector<std::string> elements;
    for (std::string one; std::getline(words, one, ',');) {
        one.erase(0, one.find_first_not_of(' '));
        elements.push_back(one);
    }
    std::ranges::sort(elements);
    return block.replace(first, end - first, fmt::format("{}", fmt::join(elements, ", ")));
}

}  // namespace

Nftables open_nftables(Ownership ownership) {
    auto opened = Nftables::open(ownership);
    if (!opened) {
        throw std::runtime_error(opened.error().message());
    }
    return *std::move(opened);
}

void require(const Status& status) {
    if (!status) {
        throw std::runtime_error(status.error().message());
    }
}

Policy example_policy() {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel home{"home", "wg0", {}, {}, {}};
    for (std::uint16_t port = 1; port <= 8; ++port) {
        home.endpoints.push_back(
            endpoint("203.0.113.7", port % 2 ? proto::kUdp : proto::kTcp, port));
    }
    home.only.fwmark = MarkMatch{0xca6c, 0xffff};
    Tunnel office;
    office.name = "office";
    office.interface = "tun*";
    office.endpoints.push_back(endpoint("198.51.100.9", proto::kEsp, 0));
    office.endpoints.push_back(endpoint("2001:db8::7", proto::kTcp, 443));
    office.only.user = 1000;
    policy.tunnels = {home, office};
    policy.dns_servers = {{*IpAddress::parse("10.64.0.1")}};
    return policy;
}

Ruleset example_rules(StateName state) {
    const Policy policy = example_policy();
    Situation situation{state, {}, {}};
    situation.endpoints = known_endpoints(policy);
    if (state == StateName::protected_) {
        situation.tunnels_up = {{"wg0", {}}};
        situation.ipsec_up = {"branch"};
    }
    return *compile(policy, situation);
}

std::vector<std::string> wrong(Nftables& nftables, const Ruleset& ruleset) {
    const auto observed = nftables.read();
    if (!observed) {
        throw std::runtime_error("the table cannot be read");
    }
    std::vector<std::string> lines;
    for (const Difference& difference : differences(ruleset, *observed)) {
        lines.push_back(describe(difference));
    }
    return lines;
}

std::string normalised(const std::string& listing) {
    static const std::regex time_left(" (timeout|expires) [0-9a-z]+");  // Is less every moment.
    std::istringstream lines(std::regex_replace(listing, time_left, ""));
    std::vector<std::string> blocks;
    std::string head;
    std::string block;
    for (std::string line; std::getline(lines, line);) {
        const bool one_tab = line.starts_with("\t") && !line.starts_with("\t\t");
        if (block.empty() && !(one_tab && line.ends_with('{'))) {
            head += line.empty() ? "" : line + "\n";
            continue;
        }
        block += line + "\n";
        if (line == "\t}") {
            blocks.push_back(with_sorted_elements(std::move(block)));
            block.clear();
        }
    }
    std::ranges::sort(blocks);
    return fmt::format("{}{}", head, fmt::join(blocks, ""));
}

std::string listed() {
    return normalised(must(fmt::format("nft -s list table inet {}", kTable)));
}

}  // namespace ks::test
