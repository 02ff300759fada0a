// SPDX-License-Identifier: GPL-2.0-or-later
#include "draft.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

Rule accept(std::vector<Match> matches, std::string comment) {
    return {std::move(matches), {}, Verdict::accept, {}, std::move(comment)};
}

Rule refuse(std::vector<Match> matches, const char* reason) {
    return {std::move(matches), reason, Verdict::jump, kRefuseChain,
            fmt::format("refused: {}", reason)};
}

std::vector<std::vector<Match>> dns_packets() {
    constexpr std::uint16_t kPlain = 53;
    constexpr std::uint16_t kOverTls = 853;
    std::vector<std::vector<Match>> all;
    for (const std::uint8_t protocol : {proto::kUdp, proto::kTcp}) {
        for (const std::uint16_t port : {kPlain, kOverTls}) {
            all.push_back({match::Protocol{protocol}, match::DestinationPort{{port, port}}});
        }
    }
    return all;
}

std::optional<std::vector<Match>> senders(const Draft& draft, std::optional<std::uint32_t> user,
                                          std::optional<std::uint32_t> group,
                                          const std::optional<std::string>& cgroup) {
    std::vector<Match> matches;
    if (user) {
        matches.emplace_back(match::User{*user});
    }
    if (group) {
        matches.emplace_back(match::Group{*group});
    }
    if (cgroup) {
        const auto id = draft.situation.cgroups.find(*cgroup);
        if (id == draft.situation.cgroups.end()) {
            return std::nullopt;
        }
        matches.emplace_back(match::Cgroup{*cgroup, id->second});
    }
    return matches;
}

}  // namespace ks
