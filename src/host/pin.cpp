// SPDX-License-Identifier: GPL-2.0-or-later
#include "pin.hpp"

#include "killswitchd/accounts.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/stat.h>

namespace ks {

namespace {

constexpr std::string_view kWord = "auto";

/// Where the line begins and ends; an empty one at the end where there is none of that number.
std::pair<std::size_t, std::size_t> bounds(std::string_view text, unsigned line) {
    std::size_t begin = 0;
    for (; line > 1 && begin < text.size(); --line) {
        begin = std::min(text.size(), text.find('\n', begin) + 1);
        begin = begin == 0 ? text.size() : begin;
    }
    return {begin, std::min(text.size(), text.find('\n', begin))};
}

bool stands_alone(std::string_view line, std::size_t at) {
    constexpr std::string_view kBefore = " \t[,-";
    constexpr std::string_view kAfter = " \t],\r";
    const std::size_t end = at + kWord.size();
    return (at == 0 || kBefore.find(line[at - 1]) != std::string_view::npos) &&
           (end == line.size() || kAfter.find(line[end]) != std::string_view::npos);
}

std::string item(const Endpoint& endpoint) {
    return endpoint.address.family == IpFamily::v6 ? fmt::format("\"{}\"", endpoint.str())
                                                   : endpoint.str();
}

/// The items as the list before `at` goes on: lines of their own, or in the same one.
std::string items_before(std::string_view line, std::size_t at,
                         const std::vector<Endpoint>& endpoints) {
    const std::string_view lead = line.substr(0, at);
    const std::size_t dash = lead.find_first_not_of(' ');
    const bool block = dash != std::string_view::npos && lead[dash] == '-' &&
                       lead.find_first_not_of(' ', dash + 1) == std::string_view::npos;
    std::string text;
    for (const Endpoint& endpoint : endpoints) {
        text += block ? fmt::format("{}\n{}", item(endpoint), lead)
                      : fmt::format("{}, ", item(endpoint));
    }
    return text;
}

/// The texts of a config, or why one cannot be read.
Result<std::vector<ConfigText>> texts_of(const LoadedConfig& config) {
    std::vector<ConfigText> texts;
    for (const std::string& file : config.files) {
        auto text = read_trusted_file(file, kMaxConfigBytes);
        if (!text) {
            return std::move(text).error();
        }
        texts.push_back({file, *std::move(text)});
    }
    return texts;
}

/// Whether `now` is `before` with `pinned` among the endpoints of that tunnel, in any order.
bool means(const LoadedConfig& now, Policy before, std::size_t tunnel,
           const std::vector<Endpoint>& pinned) {
    if (!now.ok() || now.policy->tunnels.size() != before.tunnels.size()) {
        return false;
    }
    Policy after = *now.policy;
    auto& wanted = before.tunnels[tunnel].endpoints;
    wanted.insert(wanted.end(), pinned.begin(), pinned.end());
    std::ranges::sort(wanted);
    std::ranges::sort(after.tunnels[tunnel].endpoints);
    return after == before;
}

Status replace(const std::string& path, const std::string& text) {
    const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr),
                                                           &std::free};
    struct stat info {};
    if (!real || ::stat(real.get(), &info) != 0) {
        return Error{fmt::format("cannot find '{}'", path), errno};
    }
    const bool for_all = (info.st_mode & S_IROTH) != 0;
    return write_file_atomically(real.get(), text, for_all ? Readers::all : Readers::owner);
}

/// The index of the changed text, which is in `texts` then; nothing where no place was found.
std::optional<std::size_t> pin_one(const LoadedConfig& config, std::vector<ConfigText>& texts,
                                   const Policy& policy, std::size_t tunnel,
                                   const std::vector<Endpoint>& endpoints) {
    const std::string path = fmt::format("tunnels[{}].endpoints[", tunnel);
    for (const auto& [name, place] : config.places) {
        const auto text = std::ranges::find(texts, place.file, &ConfigText::file);
        if (!name.starts_with(path) || text == texts.end()) {
            continue;
        }
        const std::string before = text->text;
        for (std::string& candidate : with_pinned(before, place.line, endpoints)) {
            text->text = std::move(candidate);
            if (means(parse_config(texts, system_names()), policy, tunnel, endpoints)) {
                return static_cast<std::size_t>(text - texts.begin());
            }
        }
        text->text = before;
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::string> with_pinned(std::string_view text, unsigned line,
                                     const std::vector<Endpoint>& endpoints) {
    std::vector<std::string> all;
    const auto [begin, end] = bounds(text, line);
    const std::string_view row = text.substr(begin, end - begin);
    for (std::size_t at = row.find(kWord); at != std::string_view::npos;
         at = row.find(kWord, at + 1)) {
        if (stands_alone(row, at)) {
            all.push_back(fmt::format("{}{}{}", text.substr(0, begin + at),
                                      items_before(row, at, endpoints), text.substr(begin + at)));
        }
    }
    return all;
}

Result<std::vector<std::string>> pin_endpoints(const LoadedConfig& config,
                                               const KnownEndpoints& learned) {
    std::vector<std::string> done;
    LoadedConfig current = config;
    for (std::size_t i = 0; i < config.policy->tunnels.size(); ++i) {
        const Tunnel& tunnel = current.policy->tunnels[i];
        std::vector<Endpoint> fresh;
        for (const KnownEndpoint& known : endpoints_of(learned, tunnel.name)) {
            if (std::ranges::find(tunnel.endpoints, known.endpoint) == tunnel.endpoints.end() &&
                std::ranges::find(fresh, known.endpoint) == fresh.end()) {
                fresh.push_back(known.endpoint);
            }
        }
        auto texts = texts_of(current);
        if (!texts) {
            return std::move(texts).error();
        }
        if (fresh.empty()) {
            continue;
        }
        const auto changed = pin_one(current, *texts, *current.policy, i, fresh);
        if (!changed) {
            return Error{
                fmt::format("cannot find where to write the endpoints of tunnel {}", tunnel.name)};
        }
        const ConfigText& file = (*texts)[*changed];
        std::vector<std::string> names;
        std::ranges::transform(fresh, std::back_inserter(names), &Endpoint::str);
        std::string text =
            fmt::format("{}: tunnel {}: {}", file.file, tunnel.name, fmt::join(names, ", "));
        if (auto written = replace(file.file, file.text); !written) {
            return std::move(written).error();
        }
        done.push_back(std::move(text));
        current = parse_config(*texts, system_names());
    }
    return done;
}

}  // namespace ks
