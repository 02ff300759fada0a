// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/dns_answer.hpp"

#include "killswitchd/name_messages.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <ares.h>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace ks {

namespace {

IpAddress address_of(const ares_addrttl& record) {
    IpAddress address{IpFamily::v4, {}};
    std::memcpy(address.bytes.data(), &record.ipaddr, address.size());
    return address;
}

IpAddress address_of(const ares_addr6ttl& record) {
    IpAddress address{IpFamily::v6, {}};
    std::memcpy(address.bytes.data(), &record.ip6addr, address.size());
    return address;
}

template <class Record, class Parse>
std::optional<DnsAnswer> read(std::span<const std::uint8_t> message, Parse parse) {
    std::array<Record, kMaxNameAnswers> records{};
    int count = static_cast<int>(records.size());
    if (message.size() > static_cast<std::size_t>(std::numeric_limits<std::uint16_t>::max()) ||
        parse(message.data(), static_cast<int>(message.size()), nullptr, records.data(), &count) !=
            ARES_SUCCESS ||
        count <= 0) {
        return std::nullopt;
    }
    DnsAnswer answer;
    int shortest = std::numeric_limits<int>::max();
    for (const Record& record : std::span(records).first(static_cast<std::size_t>(count))) {
        answer.addresses.push_back(address_of(record));
        shortest = std::min(shortest, record.ttl);
    }
    answer.ttl = std::chrono::seconds(std::max(shortest, 0));
    return answer;
}

}  // namespace

std::optional<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> message, IpFamily family) {
    return family == IpFamily::v4 ? read<ares_addrttl>(message, ares_parse_a_reply)
                                  : read<ares_addr6ttl>(message, ares_parse_aaaa_reply);
}

}  // namespace ks
