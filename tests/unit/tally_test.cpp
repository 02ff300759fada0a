// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "drills/allowance.hpp"
#include "drills/cause.hpp"
#include "drills/expectation.hpp"
#include "drills/record.hpp"
#include "drills/tally.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "policies.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using drills::Fate;

namespace {

/// A UDP frame of the lab's host.
lab::FrameInfo frame_to(const char* to, std::uint16_t port, std::uint32_t tag) {
    lab::FrameInfo frame;
    frame.ethertype = lab::kEtherIpv4;
    frame.protocol = proto::kUdp;
    frame.source = test::address("192.168.77.2");
    frame.destination = test::address(to);
    frame.destination_port = port;
    frame.tag = tag;
    return frame;
}

drills::Fired fired(std::uint32_t tag, lab::Sender sender = {}) {
    drills::Fired one;
    one.shot.tag = tag;
    one.shot.probe.name = "probe";
    one.shot.probe.sender = sender;
    return one;
}

/// An armed run with one burst of these probes.
drills::Record record_of(std::vector<drills::Fired> probes, std::size_t frames) {
    drills::Record record;
    record.armed = drills::Armed::yes;
    record.counted_from = 0;
    record.bursts = {{0, true, false, 0, frames, {}, std::move(probes)}};
    return record;
}

Policy with_exception(const AllowRule& exception) {
    Policy policy = test::wireguard_policy();
    policy.outbound = {exception};
    return policy;
}

drills::Tally judged(const Policy& policy, const drills::Record& record,
                     const std::vector<lab::FrameInfo>& frames) {
    return drills::tally_of(record, frames, drills::Expectation(policy));
}

}  // namespace

TEST_CASE("a probe is stopped, came through the tunnel, was allowed, or left in clear",
          "[drills]") {
    AllowRule exception;
    exception.far = Prefix::parse("192.0.2.0/24");
    drills::Fired through = fired(2);
    through.through = true;
    const std::vector<lab::FrameInfo> frames{frame_to("192.0.2.9", 443, 3),
                                             frame_to("198.51.100.9", 443, 4)};

    const drills::Tally tally = judged(
        with_exception(exception), record_of({fired(1), through, fired(3), fired(4)}, 2), frames);

    CHECK(tally.bursts.front().fates ==
          std::vector{Fate::stopped, Fate::tunnel, Fate::allowed, Fate::clear});
    CHECK(tally.escaped == 1);
    CHECK(tally.strays == 0);
    CHECK(tally.allowed.front().packets == 1);
}

TEST_CASE("an exception explains the packets of its own sender and port alone", "[drills]") {
    AllowRule exception;
    exception.far = Prefix::parse("192.0.2.0/24");
    exception.ports = {{{443, 443}, proto::kUdp}};
    exception.user = 34;
    const std::vector<lab::FrameInfo> frames{frame_to("192.0.2.9", 443, 1),
                                             frame_to("192.0.2.9", 443, 2),
                                             frame_to("192.0.2.9", 444, 3)};

    const drills::Tally tally =
        judged(with_exception(exception),
               record_of({fired(1, {34, {}}), fired(2), fired(3, {34, {}})}, 3), frames);

    CHECK(tally.bursts.front().fates == std::vector{Fate::allowed, Fate::clear, Fate::clear});
}

TEST_CASE("an exception without ports is none for DNS", "[drills]") {
    AllowRule exception;
    exception.far = Prefix::parse("192.0.2.0/24");

    const drills::Tally tally =
        judged(with_exception(exception), record_of({fired(1)}, 1), {frame_to("192.0.2.9", 53, 1)});

    CHECK(tally.escaped == 1);
}

TEST_CASE("a frame that nobody sent as a probe counts, but not before the counting", "[drills]") {
    drills::Record record = record_of({}, 0);
    const std::vector<lab::FrameInfo> frames{frame_to("198.51.100.9", 443, 0),
                                             frame_to("203.0.113.7", 51820, 0)};

    CHECK(judged(test::wireguard_policy(), record, frames).strays == 1);
    record.counted_from = 1;
    CHECK(judged(test::wireguard_policy(), record, frames).strays == 0);
}

TEST_CASE("what a record says of frames that are not there is no danger", "[drills]") {
    drills::Record record = record_of({fired(1)}, 7'000);
    record.bursts.front().first_frame = 9'000;
    record.bursts.front().meant_for = 12;
    record.knocks = {{"nobody", true, 40}};
    record.counted_from = 100'000;

    const drills::Tally tally =
        judged(test::wireguard_policy(), record, {frame_to("198.51.100.9", 443, 1)});

    CHECK(tally.bursts.front().fates == std::vector{Fate::stopped});
    CHECK(tally.escaped == 1);  // A door that no allowance opened was answered.
}

TEST_CASE("with scope: apps the listed are confined, and guests and others are free", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.scope = Scope::apps;
    policy.apps.users = {34};
    const drills::Expectation expected(policy);
    const lab::FrameInfo frame = frame_to("198.51.100.9", 443, 1);
    const lab::Sender root;

    CHECK(expected.prober().user == 34U);
    CHECK_FALSE(expected.allowed_by(frame, &expected.prober()));
    CHECK(expected.allowed_by(frame, &root) == std::size_t{0});
    CHECK(expected.allowed_by(frame, nullptr) == std::size_t{0});
}

TEST_CASE("a tunnel without only is named as the cause, with its cure", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.tunnels.front().only = {};
    const drills::Leak leak{1, frame_to("203.0.113.7", 51820, 1), true, false, {}};

    const drills::Cause cause = drills::cause_of(leak, policy, "steady");

    CHECK(cause.because == "tunnel home has no `only`");
    CHECK(cause.key == "tunnels[0]");
    CHECK(cause.fix.starts_with("only: { fwmark: 0xca6c }"));
    CHECK(drills::describe(leak) == "udp 192.168.77.2 > 203.0.113.7:51820 by any program");
}

TEST_CASE("`only` that is root, an open boot and our own faults have causes too", "[drills]") {
    Policy policy = test::wireguard_policy();
    policy.tunnels.front().only = {};
    policy.tunnels.front().only.user = 0;
    policy.boot = BootLock::open;
    const drills::Leak to_server{1, frame_to("203.0.113.7", 51820, 1), true, false, {}};
    const drills::Leak to_world{1, frame_to("198.51.100.9", 443, 1), true, false, {}};

    CHECK(drills::cause_of(to_server, policy, "steady").key == "tunnels[0].only");
    CHECK(drills::cause_of(to_world, policy, "boot").fix == "boot: lock");
    CHECK(drills::cause_of(to_world, policy, "steady").key.empty());
}

TEST_CASE("what lets any program reach most addresses is wide", "[drills]") {
    AllowRule exception;
    CHECK(drills::allowances(with_exception(exception)).front().wide);
    exception.far = Prefix::parse("0.0.0.0/1");
    CHECK(drills::allowances(with_exception(exception)).front().wide);
    exception.user = 0;
    CHECK(drills::allowances(with_exception(exception)).front().wide);
    exception.user = 34;
    CHECK_FALSE(drills::allowances(with_exception(exception)).front().wide);
    exception.user.reset();
    exception.far = Prefix::parse("192.0.2.0/24");
    CHECK_FALSE(drills::allowances(with_exception(exception)).front().wide);
}
