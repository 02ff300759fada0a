// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/lab.hpp"
#include "killswitchd/lab_traffic.hpp"

#include <chrono>

using namespace ks;
using namespace ks::lab;

namespace {

const Endpoint kEndpoint4{ip("203.0.113.7"), proto::kUdp, 51820};
const Endpoint kEndpoint6{ip("2001:db8:9::7"), proto::kUdp, 51820};

Lab build(LabOptions options = {}) {
    if (options.endpoints.empty()) {
        options.endpoints = {kEndpoint4, kEndpoint6};
    }
    auto lab = Lab::build(std::move(options));
    if (!lab) {
        FAIL(lab.error().message());
    }
    return *std::move(lab);
}

}  // namespace

TEST_CASE("without a kill switch every probe escapes on the uplink", "[lab]") {
    Lab lab = build();
    const auto probes = standard_probes(lab);

    const auto outcomes = probe_round(lab, lab.host(), probes);

    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == probes.size());
    for (const Outcome& outcome : *outcomes) {
        INFO(outcome.shot.probe.name << " errno " << outcome.shot.local_errno);
        CHECK(outcome.shot.local_errno == 0);
        CHECK_FALSE(outcome.escaped.empty());
    }
    CHECK(lab.capture().stats().lost == 0);
}
