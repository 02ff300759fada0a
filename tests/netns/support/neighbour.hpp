// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/node.hpp"

#include <cstdint>
#include <string>

namespace ks::test {

/// A message of IPv6 neighbour discovery (RFC 4861), as anybody with a raw socket can send it.
struct NeighbourMessage {
    std::uint8_t type = 0;
    const char* to = nullptr;
    std::string body;  ///< What comes after the checksum.
    std::uint8_t hop_limit = 255;
    const char* source = nullptr;  ///< An address of the sender; none: the kernel chooses.
};

inline constexpr std::uint8_t kRouterSolicit = 133;
inline constexpr std::uint8_t kRouterAdvert = 134;
inline constexpr std::uint8_t kNeighbourSolicit = 135;
inline constexpr std::uint8_t kNeighbourAdvert = 136;
inline constexpr std::uint8_t kRedirect = 137;

/// The body of a message about one address.
[[nodiscard]] std::string about_neighbour(const char* target);
/// The body of an advertisement: addresses are to be made of `prefix`/64, and `route`, in which the
/// last 80 bits are zero, leads to the sender.
[[nodiscard]] std::string advertisement(const char* prefix, const char* route);

/// Sends it at `device`; whether it leaves is what the caller wants to know.
void send_neighbour(lab::Node& from, const char* device, const NeighbourMessage& message);

}  // namespace ks::test
