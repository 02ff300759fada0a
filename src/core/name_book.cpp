// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/name_book.hpp"

#include "killswitchd/special.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::chrono::seconds kIdle = std::chrono::hours(1);
/// However often the network changes.
constexpr std::chrono::seconds kShortestPause{2};

/// Why an address cannot be a VPN server on the internet; empty when it can.
std::string objection(const IpAddress& address, const std::vector<IpAddress>& servers) {
    const Prefix host = Prefix::of(address, address.bits());
    if (const auto* const range = special_around(host)) {
        return range->noun.data();
    }
    if (is_private(host)) {
        return "a private address";
    }
    return std::ranges::find(servers, address) != servers.end() ? "the server that was asked" : "";
}

std::chrono::seconds backoff(unsigned failures, Pace pace) {
    constexpr std::chrono::seconds kLast{60};
    constexpr unsigned kDoublings = 6;
    const std::chrono::seconds delay(1 << std::min(failures, kDoublings));
    return pace == Pace::idle && failures > kDoublings ? kIdle : std::min(delay, kLast);
}

std::vector<KnownAddress>::iterator find(KnownName& name, const IpAddress& address) {
    return std::ranges::find(name.addresses, address, &KnownAddress::address);
}

/// Takes old ones away until there is room for one more. \return whether there is.
bool make_room(KnownName& name, const NameMoment& now, InUse in_use) {
    if (name.addresses.size() < kMaxAddressesOfName) {
        return true;
    }
    const auto oldest = std::ranges::min_element(name.addresses, {}, &KnownAddress::seen);
    if (in_use == InUse::yes || oldest->seen == now.wall) {
        return false;
    }
    name.addresses.erase(oldest);
    return true;
}

}  // namespace

Vetted vet(const std::vector<IpAddress>& answer, const std::vector<IpAddress>& servers) {
    Vetted vetted;
    std::set<IpAddress> known;
    for (const IpAddress& address : answer) {
        if (!known.insert(address).second) {
            continue;
        }
        const std::string why = objection(address, servers);
        if (why.empty()) {
            vetted.addresses.push_back(address);
        } else {
            vetted.refused.push_back(fmt::format("{} is {}", address.str(), why));
        }
    }
    return vetted;
}

void note_answer(KnownName& name, const std::vector<IpAddress>& addresses, std::chrono::seconds ttl,
                 const NameMoment& now, Pace pace, InUse in_use) {
    for (KnownAddress& known : name.addresses) {
        if (known.seen > now.wall) {  // The clock was set back, or is not set yet at boot.
            known.seen = now.wall - std::chrono::seconds(1);
        }
    }
    if (in_use == InUse::no) {
        std::erase_if(name.addresses,
                      [&](const KnownAddress& known) { return known.seen + kLinger < now.wall; });
    }
    for (const IpAddress& address : addresses) {
        if (const auto known = find(name, address); known != name.addresses.end()) {
            known->seen = now.wall;
        } else if (make_room(name, now, in_use)) {
            name.addresses.push_back({address, now.wall});
        }
    }
    std::ranges::sort(name.addresses, {}, &KnownAddress::address);
    std::ranges::stable_sort(name.addresses, std::ranges::greater{}, &KnownAddress::seen);
    const std::chrono::seconds sane = std::clamp(ttl, kShortestTtl, kLongestTtl);
    name.due = now.since_boot + (pace == Pace::idle ? std::max(sane, kIdle) : sane);
    name.failures = 0;
    name.problem.clear();
}

void note_failure(KnownName& name, std::string why, const NameMoment& now, Pace pace) {
    name.due = now.since_boot + backoff(name.failures, pace);
    name.failures = std::min(name.failures + 1, 1'000'000U);
    name.problem = std::move(why);
}

void hurry(NameBook& book, const NameMoment& now) {
    for (auto& [host, name] : book) {
        const bool fresh = name.failures == 0 && !name.addresses.empty() &&
                           name.addresses.front().seen <= now.wall &&
                           now.wall - name.addresses.front().seen < kShortestPause;
        name.failures = 0;
        name.due =
            std::min(name.due, now.since_boot + (fresh ? kShortestPause : std::chrono::seconds(0)));
    }
}

void keep_names(NameBook& book, const std::vector<std::string>& names) {
    std::erase_if(book, [&](const auto& known) {
        return std::ranges::find(names, known.first) == names.end();
    });
    for (const std::string& name : names) {
        book.try_emplace(name);
    }
}

std::optional<std::chrono::nanoseconds> next_due(const NameBook& book) {
    const auto first =
        std::ranges::min_element(book, {}, [](const auto& known) { return known.second.due; });
    return first == book.end() ? std::nullopt : std::optional(first->second.due);
}

void add_named(std::vector<KnownEndpoint>& known, const NamedEndpoint& server, const NameBook& book,
               const std::string& origin) {
    const auto found = book.find(server.host);
    if (found == book.end()) {
        return;
    }
    for (const KnownAddress& one : found->second.addresses) {
        known.push_back({server.at(one.address), EndpointSource::hostname, one.seen, origin});
    }
}

}  // namespace ks
