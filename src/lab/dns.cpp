// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"
#include "services.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ks::lab {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr unsigned kTypeA = 1;
constexpr unsigned kTypeAaaa = 28;

/// Offset just after the first question; 0 when the query is broken.
std::size_t end_of_question(std::span<const std::uint8_t> query) {
    std::size_t at = kHeaderBytes;
    while (at < query.size() && query[at] != 0) {
        at += std::size_t{query[at]} + 1;
    }
    return at + 5 <= query.size() ? at + 5 : 0;
}

void put16(std::string& text, unsigned value) {
    text.push_back(static_cast<char>(value >> 8 & 0xff));
    text.push_back(static_cast<char>(value & 0xff));
}

}  // namespace

std::optional<std::string> answer_dns(std::span<const std::uint8_t> query) {
    if (query.size() < kHeaderBytes || (query[2] & 0x80) != 0) {
        return std::nullopt;
    }
    const std::size_t end = end_of_question(query);
    if (end == 0) {
        return std::nullopt;
    }
    const auto type = static_cast<unsigned>(query[end - 4] << 8 | query[end - 3]);
    const bool known = type == kTypeA || type == kTypeAaaa;
    const std::string question(query.begin() + kHeaderBytes,
                               query.begin() + static_cast<std::ptrdiff_t>(end));
    std::string answer(query.begin(), query.begin() + 2);
    put16(answer, 0x8180);  // A response, recursion available, no error.
    put16(answer, 1);
    put16(answer, known ? 1 : 0);
    put16(answer, 0);
    put16(answer, 0);
    answer += question;
    if (known) {
        const IpAddress address = ip(type == kTypeA ? "198.51.100.53" : "2001:db8:100::53");
        put16(answer, 0xc00c);  // The name: a pointer to the question's.
        put16(answer, type);
        put16(answer, 1);
        put16(answer, 0);
        put16(answer, 60);
        put16(answer, static_cast<unsigned>(address.size()));
        answer.append(address.bytes.begin(),
                      address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
    }
    return answer;
}

std::string dns_query(std::string_view name) {
    std::string query;
    put16(query, 0x4b53);
    put16(query, 0x0100);  // Recursion desired.
    put16(query, 1);
    query.append(6, '\0');
    query.push_back(static_cast<char>(name.size()));
    query += name;
    query.push_back('\0');
    put16(query, kTypeA);
    put16(query, 1);
    return query;
}

}  // namespace ks::lab
