// SPDX-License-Identifier: GPL-2.0-or-later
#include "postrouting_rules.hpp"

#include "apps_rules.hpp"
#include "carrier_rules.hpp"
#include "inbound_rules.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "private_rules.hpp"

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

/// Whether a rule is about what is known by then: whose a segment is that nobody sends, that a
/// connection is free, and what may be answered.
bool is_done_once(const Rule& rule) {
    return rule.learn || rule.remember || std::ranges::any_of(rule.matches, [](const Match& match) {
               return std::holds_alternative<match::HasUser>(match);
           });
}

/// Copies `output`, and every chain that it jumps to, for the later hook. What `forward` accepts is
/// into a tunnel or a guest's network as well; what is not has a rule here already.
class LastWord {
  public:
    explicit LastWord(Draft& draft) : draft_(draft) {}

    std::vector<Rule> copy(const std::vector<Rule>& rules) {
        std::vector<Rule> copied;
        for (const Rule& rule : rules) {
            Rule one = copy(rule);
            // Several selectors leave the same word.
            const bool repeated =
                one.verdict == Verdict::jump && std::ranges::find(copied, one) != copied.end();
            if (!is_done_once(rule) && !repeated) {
                copied.push_back(std::move(one));
            }
        }
        return copied;
    }

  private:
    [[nodiscard]] const Chain& chain(const std::string& name) const {
        return *std::ranges::find(draft_.others, name, &Chain::name);
    }
    /// Whether nothing is left of a chain but that it accepts.
    [[nodiscard]] bool only_accepts(const std::string& name) const {
        const auto& rules = chain(name).rules;
        return std::ranges::all_of(rules, [&](const Rule& rule) {
            return rule.learn || (&rule == &rules.back() && rule.matches.empty() &&
                                  rule.verdict == Verdict::accept);
        });
    }

    Rule copy(const Rule& rule) {
        Rule copied = rule;
        if (rule.target == kUnownedChain) {
            copied.target = kConfinedChain;
            copied.comment = "confined to the tunnel";
        }
        if (const Carry word = word_of(rule);
            word == Carry::confined || rule.target == kUnownedChain) {
            copied.matches = {match::Carried{Carry::confined}};
        } else if (word != Carry::none) {
            std::erase_if(copied.matches, names_sender);
            copied.matches.emplace_back(match::Carried{word});
        }
        if (refuses(rule)) {  // Nothing can be answered here.
            copied.verdict = Verdict::drop;
            copied.target.clear();
        } else if (rule.verdict == Verdict::jump && only_accepts(rule.target)) {
            copied.verdict = Verdict::accept;
            copied.target.clear();
        } else if (rule.verdict == Verdict::jump) {
            copied.target = chain_like(copied.target);
        }
        return copied;
    }

    std::string chain_like(const std::string& name) {
        const std::string own = fmt::format("leaving_{}", name);
        if (std::ranges::find(draft_.others, own, &Chain::name) == draft_.others.end()) {
            std::vector<Rule> rules = copy(std::vector<Rule>(chain(name).rules));
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

bool names_device(const Match& match) {
    const auto* const out = std::get_if<match::OutInterface>(&match);
    return out != nullptr && !out->negated;
}

/// What `postrouting` asks need not be asked before: the kind and the group of a device that has a
/// name. What it cannot ask is told.
void share_work(Chain& chain) {
    for (Rule& rule : chain.rules) {
        if (std::ranges::any_of(rule.matches, names_device)) {
            std::erase_if(rule.matches, [](const Match& match) {
                return std::holds_alternative<match::OutKind>(match) ||
                       std::holds_alternative<match::OutGroup>(match);
            });
        }
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
    std::vector<Chain*> all{&draft.output};
    if (by_program) {
        Chain& free = *std::ranges::find(draft.others, kFreeChain, &Chain::name);
        const std::vector<Rule> own = remembering_the_free(draft, free.rules.back().comment);
        free.rules.insert(free.rules.end() - 1, own.begin(), own.end());
        all.push_back(&judging);
        all.push_back(&free);
    }
    share_work(draft.forward);
    for (Chain& chain : draft.others) {
        if (chain.name.starts_with(kPublicChain) || chain.name.starts_with(kCarrierChain)) {
            all.push_back(&chain);
        }
    }
    std::ranges::for_each(all, [](Chain* chain) { share_work(*chain); });
    if (ways_out(draft.situation).empty() && draft.situation.carriers.empty()) {
        return;
    }
    std::ranges::for_each(all, [](Chain* chain) { leave_marked_packets(*chain); });
    const Match marked = match::Mark{0, ~0U, /*negated=*/true};
    const std::string comment = "marked: judged by the device that it leaves by";
    std::vector<Rule> left = remembering(draft, {marked}, comment);
    if (by_program) {  // Whoever is not confined may be sent into a tunnel as well.
        std::vector<Rule>& free = std::ranges::find(draft.others, kFreeChain, &Chain::name)->rules;
        free.insert(free.end() - 1, left.begin(), left.end());
    }
    left.push_back(accept({marked}, comment));
    judging.rules.insert(judging.rules.end() - 1, left.begin(), left.end());
}

}  // namespace ks
