// SPDX-License-Identifier: GPL-2.0-or-later
#include "postrouting_rules.hpp"

#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

bool refuses(const Rule& rule) {
    return rule.verdict == Verdict::jump && rule.target == kRefuseChain;
}

bool names_sender(const Match& match) {
    return std::holds_alternative<match::User>(match) ||
           std::holds_alternative<match::Group>(match) ||
           std::holds_alternative<match::Cgroup>(match);
}

/// What a rule of `output` says to the later hooks.
Carry word_of(const Rule& rule) {
    if (rule.verdict == Verdict::accept) {
        return std::ranges::any_of(rule.matches, names_sender) ? Carry::granted : Carry::none;
    }
    const bool by_cgroup = std::ranges::any_of(rule.matches, [](const Match& match) {
        return std::holds_alternative<match::Cgroup>(match);
    });
    return by_cgroup ? Carry::confined : Carry::none;
}

/// Copies `output`, and every chain that it jumps to, for the later hook. What `forward` accepts is
/// into a tunnel or a guest's network as well; what is not has a rule here already.
class LastWord {
  public:
    explicit LastWord(Draft& draft) : draft_(draft) {}

    std::vector<Rule> copy(const std::vector<Rule>& rules) {
        std::vector<Rule> copied;
        for (const Rule& rule : rules) {
            copied.push_back(copy(rule));
        }
        return copied;
    }

  private:
    Rule copy(const Rule& rule) {
        Rule copied = rule;
        if (const Carry word = word_of(rule); word != Carry::none) {
            std::erase_if(copied.matches, names_sender);
            copied.matches.emplace_back(match::Carried{word});
        }
        if (refuses(rule)) {  // Nothing can be answered here.
            copied.verdict = Verdict::drop;
            copied.target.clear();
        } else if (rule.verdict == Verdict::jump) {
            copied.target = chain_like(rule.target);
        }
        return copied;
    }

    std::string chain_like(const std::string& name) {
        const std::string own = fmt::format("leaving_{}", name);
        if (std::ranges::find(draft_.others, own, &Chain::name) == draft_.others.end()) {
            const auto found = std::ranges::find(draft_.others, name, &Chain::name);
            std::vector<Rule> rules = copy(std::vector<Rule>(found->rules));
            draft_.others.push_back({own, std::nullopt, std::move(rules)});
        }
        return own;
    }

    Draft& draft_;
};

/// A mark may have sent the packet into a tunnel since: `postrouting` sees where. What it refuses,
/// it drops without a word, so only these are left to it.
void leave_marked_packets(Chain& chain) {
    for (Rule& rule : chain.rules) {
        if (refuses(rule)) {
            rule.matches.emplace_back(match::Mark{0});
        }
    }
}

/// What `postrouting` asks need not be asked before: the kind of a tunnel. What it cannot ask is
/// told.
void share_work(Chain& chain) {
    for (Rule& rule : chain.rules) {
        std::erase_if(rule.matches, [](const Match& match) {
            return std::holds_alternative<match::OutKind>(match);
        });
        rule.carry = word_of(rule);
    }
}

}  // namespace

void add_postrouting(Draft& draft) {
    std::vector<Rule> rules = LastWord(draft).copy(draft.output.rules);
    const auto confined = std::ranges::find(draft.others, kConfinedChain, &Chain::name);
    const bool by_program = confined != draft.others.end();
    if (!by_program) {
        rules.insert(std::ranges::find(rules, Verdict::drop, &Rule::verdict),
                     draft.postrouting.rules.begin(), draft.postrouting.rules.end());
    }
    draft.postrouting.rules = std::move(rules);
    Chain& judging = by_program ? *confined : draft.output;
    share_work(draft.output);
    share_work(judging);
    share_work(draft.forward);
    if (ways_out(draft.situation).empty()) {
        return;
    }
    leave_marked_packets(draft.output);
    if (by_program) {
        leave_marked_packets(judging);
    }
    judging.rules.insert(judging.rules.end() - 1,
                         accept({match::Mark{0, ~0U, /*negated=*/true}},
                                "marked: judged by the device that it leaves by"));
}

}  // namespace ks
