// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/render_text.hpp"
#include "killswitchd/ruleset.hpp"
#include "random_policy.hpp"
#include "support/kernel_judge.hpp"
#include "support/mutations.hpp"
#include "support/private_network.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace {

using namespace ks;
using namespace ks::test;

constexpr std::size_t kPolicies = 500;
constexpr std::size_t kPacketsPerPolicy = 80;

struct Judged {
    PacketView packet;
    bool passes = false;
    std::string first{};  ///< The device that it was on its way to before it was sent elsewhere.
};

/// One random policy, in force, and what the kernel did with random packets under it.
struct Trial {
    Ruleset ruleset;
    std::vector<Judged> packets;
};

/// Routes to neighbours and groups depend on more than the mark.
bool is_unicast(const IpAddress& to) {
    const auto within = [&](const char* prefix) { return Prefix::parse(prefix)->contains(to); };
    return !within("fe80::/10") && !within("ff00::/8") && !within("224.0.0.0/3") &&
           !within("169.254.0.0/16") && !within("127.0.0.0/8");
}

class Oracle {
  public:
    explicit Oracle(std::uint64_t seed_value) : dice(seed_value), judge_(cgroups_) {
        auto opened = Nftables::open(Ownership::off);
        REQUIRE(opened);
        nftables_.emplace(*std::move(opened));
    }

    Trial next() {
        // Seldom: the kernel waits tens of milliseconds whenever a device loses its chain.
        const RawSupport raw = dice.chance(3)   ? RawSupport::kernel_can
                               : dice.chance(5) ? nftables_->raw_support()
                                                : RawSupport::kernel_cannot;
        Trial trial{random_ruleset(dice, cgroups_.ids(), raw), {}};
        const Status applied = nftables_->apply(trial.ruleset);
        INFO((applied ? std::string() : applied.error().message()));
        REQUIRE(applied);
        forget_flows(trial.ruleset);
        PacketMaker maker(dice, trial.ruleset, judge_.senders());
        std::vector<PacketView> questions;
        for (std::size_t i = 0; i < kPacketsPerPolicy; ++i) {
            const bool answers = !questions.empty() && dice.chance(20);
            trial.packets.push_back(
                judged(answers ? maker.answer_to(dice.pick(questions)) : maker.make()));
            const PacketView& last = trial.packets.back().packet;
            if (last.hook == Hook::output && last.protocol == proto::kUdp &&
                last.out_interface != "lo" && is_unicast(last.destination)) {
                questions.push_back(last);
            }
        }
        return trial;
    }

    /// What the kernel has counted under the present policy.
    std::map<std::string, CounterValue> counters() {
        auto live = nftables_->read();
        REQUIRE(live);
        return live->at(TableFamily::inet).counters;
    }
    Judged judged(PacketView packet) {
        const bool unicast = is_unicast(packet.destination);
        if (packet.hook != Hook::output || packet.out_kind.empty() || !unicast ||
            !dice.chance(30)) {
            return {packet, judge_.passes(packet)};
        }
        const std::string first = dice.pick(devices());
        const bool passes = judge_.passes_rerouted(packet, first);
        return {packet, passes, first};
    }
    [[nodiscard]] bool has_cgroups() const { return !cgroups_.ids().empty(); }

    Dice dice;

  private:
    /// Those of the policy before, where the set stayed.
    static void forget_flows(const Ruleset& ruleset) {
        for (const Set& set : ruleset.sets) {
            if (set.key.of == SetKey::Of::answer) {
                must(fmt::format("nft flush set inet killswitchd {}", set.name));
            }
        }
    }

    Cgroups cgroups_;
    KernelJudge judge_;
    std::optional<Nftables> nftables_;
};

std::string show(const PacketView& packet) {
    return fmt::format(
        "hook {} in '{}' out '{}' {} -> {} proto {} sport {} dport {} icmp type {} hop limit {} "
        "opening {} mark 0x{:x} uid {} gid {} cgroup levels {}",
        word(packet.hook), packet.in_interface, packet.out_interface, packet.source.str(),
        packet.destination.str(), packet.protocol, packet.source_port, packet.destination_port,
        packet.icmp_type, packet.hop_limit, packet.tcp_opening, packet.mark,
        packet.uid ? static_cast<int>(*packet.uid) : -1,
        packet.gid ? static_cast<int>(*packet.gid) : -1, packet.cgroups.size());
}

/// `output` sees the device from before, `postrouting` the one after.
Evaluation rerouted(const Ruleset& ruleset, const Judged& judged) {
    PacketView packet = judged.packet;
    packet.out_interface = judged.first;
    packet.out_group = group_of(judged.first);
    Evaluation first = evaluate(ruleset, packet);
    if (first.verdict != Verdict::accept) {
        return first;
    }
    packet = judged.packet;
    packet.hook = Hook::postrouting;
    packet.carried = first.carried;
    Evaluation last = evaluate(ruleset, packet);
    last.learned = first.learned;
    return last.verdict == Verdict::accept ? first : last;
}

/// What decides about a packet: the rules of its hooks, or after them those of the device it goes
/// to.
Evaluation verdict_on(const Ruleset& ruleset, const Judged& judged) {
    PacketView packet = judged.packet;
    Evaluation inet = judged.first.empty() ? follow(ruleset, packet) : rerouted(ruleset, judged);
    if (inet.verdict != Verdict::accept || packet.hook == Hook::input) {
        return inet;
    }
    packet.carried = inet.carried;
    if (packet.hook == Hook::forward) {
        --packet.hop_limit;
    }
    packet.hook = Hook::egress;
    Evaluation device = evaluate(ruleset, packet);
    device.learned = inet.learned;
    return device.verdict == Verdict::accept ? inet : device;
}

/// Judges the packets of one policy in turn, and remembers with the rules the flows that they
/// learn.
class Evaluator {
  public:
    explicit Evaluator(const Ruleset& ruleset) : ruleset_(ruleset) {}

    Evaluation judge(Judged judged) {
        PacketView& packet = judged.packet;
        packet.known_flow =
            flows_.contains({packet.source, packet.source_port, packet.destination_port});
        Evaluation evaluation = verdict_on(ruleset_, judged);
        if (evaluation.learned) {
            flows_.insert({packet.destination, packet.destination_port, packet.source_port});
        }
        return evaluation;
    }
    bool agrees(const Judged& judged) {
        return (judge(judged).verdict == Verdict::accept) == judged.passes;
    }

  private:
    const Ruleset& ruleset_;
    std::set<std::tuple<IpAddress, std::uint16_t, std::uint16_t>> flows_;
};

}  // namespace

TEST_CASE("without rules the test's namespace lets every random packet pass", "[oracle]") {
    enter_private_network();
    const Cgroups cgroups;
    KernelJudge judge(cgroups);
    Dice dice(seed());

    for (std::size_t i = 0; i < kPolicies; ++i) {
        const Ruleset ruleset = random_ruleset(dice, cgroups.ids(), RawSupport::kernel_can);
        PacketMaker maker(dice, ruleset, judge.senders());
        for (int left = 4; left > 0; --left) {
            const PacketView packet = maker.make();
            INFO(show(packet));
            REQUIRE(judge.passes(packet));
        }
    }
}

TEST_CASE("the evaluator and the kernel judge every packet alike", "[oracle]") {
    enter_private_network();
    Oracle oracle(seed());
    std::size_t packets = 0;
    std::size_t accepted = 0;
    std::size_t answers = 0;
    std::map<std::string, std::uint64_t> refused;  // Counters outlive a change of the rules.

    for (std::size_t i = 0; i < kPolicies; ++i) {
        const Trial trial = oracle.next();
        Evaluator evaluator(trial.ruleset);
        for (const Judged& judged : trial.packets) {
            ++packets;
            accepted += judged.passes ? 1 : 0;
            const Evaluation ours = evaluator.judge(judged);
            answers += ours.comment == "answers by UDP" ? 1 : 0;
            if (!ours.counter.empty()) {
                ++refused[ours.counter];
            }
            if ((ours.verdict == Verdict::accept) != judged.passes) {
                FAIL(fmt::format(
                    "{}\n{} first {}\nkernel: {}, evaluator: {} by rule {} of chain {} ({})",
                    render_text(trial.ruleset), show(judged.packet), judged.first,
                    judged.passes ? "passes" : "refused",
                    ours.verdict == Verdict::accept ? "passes" : "refused", ours.rule + 1,
                    ours.chain, ours.comment));
            }
        }
    }

    // The kernel's own answers and errors are counted too, and stand in no list of ours. The
    // counter of the devices comes and goes with their table.
    refused.erase("raw");
    for (const auto& [name, packets_refused] : refused) {
        INFO(name);
        CHECK(oracle.counters().at(name).packets >= packets_refused);
    }
    fmt::print("{} packets, {} of them accepted, under {} policies\n", packets, accepted,
               kPolicies);
    CHECK(packets >= 20'000);
    CHECK(answers > 100);
    CHECK(accepted > packets / 20);
    CHECK(accepted < packets * 19 / 20);
}

TEST_CASE("every kind of mistake in the evaluator's rules is noticed", "[oracle]") {
    enter_private_network();
    Oracle oracle(seed());
    constexpr std::size_t kMutantsPerTrial = 20;
    constexpr std::size_t kPatience = 20 * kPolicies;  // Some mistakes hardly ever matter.
    std::vector<Mutation> unnoticed =
        mutations(oracle.has_cgroups() ? CgroupRules::occur : CgroupRules::never);

    for (std::size_t i = 0; i < kPatience && !unnoticed.empty(); ++i) {
        const Trial trial = oracle.next();
        std::erase_if(unnoticed, [&](const Mutation& mutation) {
            for (std::size_t left = kMutantsPerTrial; left > 0; --left) {
                Ruleset mutant = trial.ruleset;
                if (!mutation.apply(mutant, oracle.dice)) {
                    return false;
                }
                Evaluator evaluator(mutant);
                for (const Judged& judged : trial.packets) {
                    if (!evaluator.agrees(judged)) {
                        return true;
                    }
                }
            }
            return false;
        });
    }

    for (const Mutation& mutation : unnoticed) {
        FAIL_CHECK("not noticed: " << mutation.name);
    }
}
