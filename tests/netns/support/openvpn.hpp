// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../../../src/drills/vpn.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "nest.hpp"

#include <cstdint>
#include <string>

namespace ks::test {

/// Whether the tun device survives a reconnect (`persist-tun`).
enum class TunDevice : std::uint8_t { reopened, kept };

/// OpenVPN on both sides: certificates known by their fingerprints, redirect-gateway def1 with
/// IPv6, no DCO. `only.fwmark` becomes its `mark`; `only.user` the user it is started as, with
/// CAP_NET_ADMIN and CAP_DAC_OVERRIDE. All endpoints must have the same protocol and port.
/// \param server  The client's `remote`, a name; empty: the endpoint's address.
[[nodiscard]] drills::MakeVpn openvpn(TunDevice tun, const std::string& server = {},
                                      Nest nest = {});

/// A self-signed certificate NAME.crt with NAME.key, and its fingerprint in NAME.print, all in the
/// scratch directory of `lab`.
[[nodiscard]] Status make_certificate(lab::Lab& lab, const std::string& name);

/// What the client writes each time it is connected.
inline constexpr const char* kConnected = "Initialization Sequence Completed";

}  // namespace ks::test
