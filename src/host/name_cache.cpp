// SPDX-License-Identifier: GPL-2.0-or-later
#include "name_cache.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/time.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::string_view kHeader = "killswitchd names 1";

std::string path_in(const std::string& state_dir) {
    return state_dir + "/names";
}

/// Takes the text up to `end` off the front; all of it without one.
std::string_view take(std::string_view& text, char end) {
    const auto at = text.find(end);
    const std::string_view piece = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return piece;
}

}  // namespace

std::string name_cache_text(const NameBook& book) {
    std::string text = fmt::format("{}\n", kHeader);
    for (const auto& [host, name] : book) {
        for (const KnownAddress& known : name.addresses) {
            text += fmt::format("{} {} {}\n", host, known.address.str(), utc_text(known.seen));
        }
    }
    return text;
}

NameBook parse_name_cache(std::string_view text, const std::vector<IpAddress>& servers) {
    NameBook book;
    if (text.size() > kMaxNameCacheBytes || take(text, '\n') != kHeader) {
        return book;
    }
    while (text.find('\n') != std::string_view::npos) {
        std::string_view line = take(text, '\n');
        const auto host = parse_host_name(take(line, ' '));
        const auto address = IpAddress::parse(take(line, ' '));
        const auto seen = moment_in(std::string(line));
        if (!host || !address || !seen) {
            break;
        }
        const bool room = book.size() < kMaxNames || book.contains(*host);
        if (!room || vet({*address}, servers).addresses.empty()) {
            continue;
        }
        KnownName& name = book[*host];
        if (name.addresses.size() < kMaxAddressesOfName) {
            name.addresses.push_back({*address, *seen});
        }
    }
    return book;
}

NameBook load_name_cache(const std::string& state_dir, const std::vector<IpAddress>& servers) {
    const auto text = read_trusted_file(path_in(state_dir), kMaxNameCacheBytes);
    return text ? parse_name_cache(*text, servers) : NameBook{};
}

Status save_name_cache(const std::string& state_dir, const NameBook& book) {
    if (auto made = ensure_directory(state_dir); !made) {
        return made;
    }
    return write_file_atomically(path_in(state_dir), name_cache_text(book));
}

}  // namespace ks
