// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "dice.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/pcapng.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

using namespace ks;

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A file with one ARP frame on the second card.
std::string sample() {
    std::array<std::uint8_t, 43> arp{};
    arp[12] = 0x08;
    arp[13] = 0x06;
    return lab::pcapng_header({"uplink 0", "uplink 1"}) +
           lab::pcapng_packet({1, 0x1234567890abcdef, 60, arp});
}

}  // namespace

TEST_CASE("a capture file is read as it was written", "[pcapng]") {
    const auto frames = lab::read_pcapng(bytes_of(sample()));

    REQUIRE(frames);
    REQUIRE(frames->size() == 1);
    CHECK(frames->front().uplink == 1);
    CHECK(frames->front().time_ns == 0x1234567890abcdef);
    CHECK(frames->front().length == 60);
    CHECK(frames->front().ethertype == lab::kEtherArp);
}

TEST_CASE("a capture file that was cut is refused, or ends at a packet", "[pcapng]") {
    const std::string whole = sample();
    const std::size_t header = lab::pcapng_header({"uplink 0", "uplink 1"}).size();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto frames = lab::read_pcapng(bytes_of(whole.substr(0, length)));
        INFO(length);
        if (length > header) {
            CHECK_FALSE(frames);
        } else if (frames) {
            CHECK(frames->empty());
        }
    }
}

TEST_CASE("no bytes can make the reader of captures read past them", "[pcapng]") {
    test::Dice dice(20261130);
    const std::string whole = sample();
    for (int round = 0; round < 20'000; ++round) {
        std::string broken = whole;
        for (std::size_t change = dice.below(6); change < 6; ++change) {
            broken[dice.below(broken.size())] = dice.number<char>();
        }
        const auto frames = lab::read_pcapng(bytes_of(broken));
        if (frames) {
            CHECK(frames->size() <= 1);
        }
    }
}
