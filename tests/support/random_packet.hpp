// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"
#include "random_world.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ks::test {

/// Whom a packet can come from: what a socket that was made under these ids shows to the rules.
struct Sender {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint64_t> cgroups;
};

/// Where the test namespace lets packets go, so that every refusal is one of the rules.
[[nodiscard]] const std::vector<IpAddress>& local_addresses();
/// The device behind which everything lies that comes in by `device`.
[[nodiscard]] const std::string& forwarded_to(const std::string& device);

/// Random packets close to the rules of a ruleset: nine of ten are made to fit a rule, and then
/// often bent in one place.
class PacketMaker {
  public:
    PacketMaker(Dice& dice, const Ruleset& ruleset, const std::vector<Sender>& senders)
        : dice_(dice), ruleset_(ruleset), senders_(senders) {}
    [[nodiscard]] PacketView make();
    /// What the far side may send back, or nearly; unless `sent` went where nobody answers.
    [[nodiscard]] PacketView answer_to(const PacketView& sent);

  private:
    [[nodiscard]] PacketView blank();
    void fit(PacketView& packet, const Chain& chain);
    void fit(PacketView& packet, const Match& match);
    void bend(PacketView& packet);
    static std::string kind_of(const std::string& interface);
    void bend(IpAddress& where);
    /// Gives the packet what the kernel needs to carry it as far as the rules.
    void make_routable(PacketView& packet);
    /// Makes it routable, and gives it what its interfaces are.
    void finish(PacketView& packet);
    void make_routable_output(PacketView& packet);
    void make_arriving(PacketView& packet);

    Dice& dice_;
    const Ruleset& ruleset_;
    const std::vector<Sender>& senders_;
};

}  // namespace ks::test
