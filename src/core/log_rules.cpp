// SPDX-License-Identifier: GPL-2.0-or-later
#include "log_rules.hpp"

#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Leads rules through chains that tell of the packet and then do what the rule did itself.
class Teller {
  public:
    explicit Teller(const Rate& rate) : rate_(rate) {}

    void rewrite(Chain& chain) {
        std::vector<Rule> rules;
        for (Rule& rule : chain.rules) {
            const bool refuses = rule.verdict == Verdict::jump && rule.target == kRefuseChain;
            const bool drops = rule.verdict == Verdict::drop;
            if (!rule.counter.empty() && drops && rule.matches.empty()) {
                rules.push_back(tell(rule.counter));  // The rule itself has to end the chain.
            } else if (!rule.counter.empty() && (refuses || drops)) {
                rule.target = telling(rule.counter, refuses);
                rule.verdict = Verdict::jump;
            }
            rules.push_back(std::move(rule));
        }
        chain.rules = std::move(rules);
    }

    std::vector<Chain> chains;

  private:
    [[nodiscard]] Rule tell(const std::string& reason) const {
        return {{}, {}, Verdict::next, {}, {}, Carry::none, LogCopy{reason, rate_}};
    }

    std::string telling(const std::string& reason, bool refuses) {
        Chain chain{fmt::format("{}_{}", refuses ? kRefuseChain : "drop", reason), {}, {}};
        if (std::ranges::find(chains, chain.name, &Chain::name) == chains.end()) {
            chain.rules.push_back(tell(reason));
            chain.rules.push_back(refuses ? Rule{{}, {}, Verdict::jump, kRefuseChain, {}}
                                          : Rule{{}, {}, Verdict::drop, {}, {}});
            chains.push_back(chain);
        }
        return chain.name;
    }

    Rate rate_;
};

}  // namespace

void add_log(Draft& draft) {
    if (!draft.policy.log.blocked || draft.situation.log == LogSupport::kernel_cannot) {
        return;
    }
    Teller teller(draft.policy.log.rate);
    for (Chain* const chain : {&draft.output, &draft.input, &draft.forward, &draft.postrouting}) {
        teller.rewrite(*chain);
    }
    for (Chain& chain : draft.others) {
        if (family_of(chain) == TableFamily::inet) {
            teller.rewrite(chain);
        }
    }
    std::ranges::move(teller.chains, std::back_inserter(draft.others));
}

}  // namespace ks
