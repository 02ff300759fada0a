// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/redactor.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/special.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <system_error>

#include <fmt/format.h>

namespace ks {

namespace {

bool is_letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool is_alnum(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Of a name, a host name or an address.
bool is_part_of_word(char c) {
    return is_alnum(c) || c == '.' || c == ':' || c == '_' || c == '-' || c == '@';
}

/// Six pairs of digits.
bool is_mac(std::string_view word) {
    constexpr std::size_t kLength = 17;
    constexpr std::size_t kPair = 3;
    if (word.size() != kLength) {
        return false;
    }
    for (std::size_t i = 0; i < kLength; ++i) {
        const bool colon = i % kPair == 2;
        if (colon ? word[i] != ':' : std::isxdigit(static_cast<unsigned char>(word[i])) == 0) {
            return false;
        }
    }
    return true;
}

bool is_host_name(std::string_view word) {
    const std::size_t dot = word.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || word.size() - dot < 3) {
        return false;
    }
    const std::string_view last = word.substr(dot + 1);
    // Names of units and files look the same.
    constexpr std::string_view kEndings[] = {"service", "socket", "path",  "slice", "scope",
                                             "target",  "conf",   "yaml",  "ovpn",  "sock",
                                             "nft",     "json",   "mount", "timer"};
    return std::ranges::all_of(last, is_letter) &&
           std::ranges::find(kEndings, last) == std::end(kEndings) &&
           std::ranges::all_of(word,
                               [](char c) { return is_part_of_word(c) && c != ':' && c != '@'; });
}

std::string kind_of(const IpAddress& address) {
    const Prefix host = Prefix::of(address, address.bits());
    return fmt::format("{}{}", is_private(host) ? "private" : "ip",
                       address.family == IpFamily::v4 ? 4 : 6);
}

bool belongs_to_nobody(const IpAddress& address) {
    const SpecialRange* const range = special_around(Prefix::of(address, address.bits()));
    constexpr std::string_view kMapped = "::ffff:0:0/96";  // Holds the IPv4 address of somebody.
    const bool private_network = std::ranges::any_of(
        private_space(), [&](const Prefix& network) { return network.address == address; });
    constexpr std::string_view kCarriers = "100.64.0.0";
    return private_network || address.str() == kCarriers ||
           (range != nullptr && range->prefix != kMapped);
}

/// The address that a constant in a rule is: "0xcb007107".
std::optional<IpAddress> address_in_hex(std::string_view word) {
    constexpr std::size_t kDigits4 = 8;
    constexpr std::size_t kDigits6 = 32;
    if (!word.starts_with("0x") || (word.size() != 2 + kDigits4 && word.size() != 2 + kDigits6)) {
        return std::nullopt;
    }
    IpAddress address{word.size() == 2 + kDigits4 ? IpFamily::v4 : IpFamily::v6};
    for (std::size_t i = 0; i < address.size(); ++i) {
        const std::string_view pair = word.substr(2 + 2 * i, 2);
        const auto [end, error] =
            std::from_chars(pair.data(), pair.data() + pair.size(), address.bytes[i], 16);
        if (error != std::errc{} || end != pair.data() + pair.size()) {
            return std::nullopt;
        }
    }
    return address;
}

bool is_number(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

void Redactor::hide(const std::string& name, const std::string& kind) {
    if (!name.empty() && !stand_ins_.contains(name)) {
        static_cast<void>(stand_in(name, kind));
        hidden_.push_back(name);
        std::ranges::stable_sort(hidden_, std::greater<>(), &std::string::size);
    }
}

std::string Redactor::stand_in(const std::string& original, const std::string& kind) {
    const auto [place, added] = stand_ins_.try_emplace(original);
    if (added) {
        place->second = fmt::format("{}-{}", kind, ++count_[kind]);
    }
    return place->second;
}

/// Longer names first, which may hold shorter ones.
std::string Redactor::without_names(std::string_view text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto fits = [&](const std::string& name) {
            const std::size_t end = at + name.size();
            return text.substr(at).starts_with(name) && (at == 0 || !is_alnum(text[at - 1])) &&
                   (end == text.size() || !is_alnum(text[end]));
        };
        const auto name = std::ranges::find_if(hidden_, fits);
        if (name == hidden_.end()) {
            out += text[at++];
        } else {
            out += stand_ins_.at(*name);
            at += name->size();
        }
    }
    return out;
}

std::string Redactor::replace(const std::string& word, bool in_path) {
    if (const auto address = IpAddress::parse(word)) {
        return belongs_to_nobody(*address) ? word : stand_in(address->str(), kind_of(*address));
    }
    if (is_mac(word)) {
        return stand_in(word, "mac");
    }
    if (const auto address = address_in_hex(word)) {  // Or a mark: then it was seen nowhere else.
        const auto known = stand_ins_.find(address->str());
        return known == stand_ins_.end() ? word : known->second;
    }
    // ADDRESS:PORT, NAME:PORT, and a sentence that ends with either.
    const std::size_t mark = word.find_last_of(":.");
    if (mark != std::string::npos &&
        (mark + 1 == word.size() || (word[mark] == ':' && is_number(word.substr(mark + 1))))) {
        return replace(word.substr(0, mark), in_path) + word.substr(mark);
    }
    if (!in_path && is_host_name(word)) {
        return stand_in(word, "host");
    }
    // A range, a part of a unit's name.
    const std::size_t cut = word.find_first_of("-@_");
    if (cut == std::string::npos) {
        return word;
    }
    // Order: numbers are given from left to right, whichever operand a compiler takes first.
    std::string out = replace(word.substr(0, cut), in_path);
    out += word[cut];
    return out + replace(word.substr(cut + 1), in_path);
}

std::string Redactor::operator()(std::string_view given) {
    const std::string text = without_names(given);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        while (end < text.size() && is_part_of_word(text[end])) {
            ++end;
        }
        if (end == at) {
            out += text[at++];
            continue;
        }
        const bool in_path = at != 0 && text[at - 1] == '/';
        out += replace(text.substr(at, end - at), in_path);
        at = end;
    }
    return out;
}

}  // namespace ks
