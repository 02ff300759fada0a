// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "catch.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/net.hpp"

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace ks::lab {

inline const Endpoint kEndpoint4{ip("203.0.113.7"), proto::kUdp, 51820};
inline const Endpoint kEndpoint6{ip("2001:db8:9::7"), proto::kUdp, 51820};

/// Ends the run as skipped where namespaces are not permitted.
inline Lab build(LabOptions options = {}) {
    if (options.endpoints.empty()) {
        options.endpoints = {kEndpoint4, kEndpoint6};
    }
    auto lab = Lab::build(std::move(options));
    if (!lab && lab.error().sys_errno == EPERM) {
        std::exit(77);  // What meson counts as a skip.
    }
    if (!lab) {
        FAIL(lab.error().message());
    }
    return *std::move(lab);
}

}  // namespace ks::lab
