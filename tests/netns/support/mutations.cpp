// SPDX-License-Identifier: GPL-2.0-or-later
#include "mutations.hpp"

#include "killswitchd/net.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ks::test {

namespace {

std::vector<Rule*> rules_where(Ruleset& ruleset, const std::function<bool(const Rule&)>& wanted) {
    std::vector<Rule*> found;
    for (Chain& chain : ruleset.chains) {
        for (Rule& rule : chain.rules) {
            if (wanted(rule)) {
                found.push_back(&rule);
            }
        }
    }
    return found;
}

/// Changes a random rule among those that are `wanted`.
Mutation of_rule(std::string name, const std::function<bool(const Rule&)>& wanted,
                 const std::function<void(Rule&, Dice&)>& change) {
    return {std::move(name), [wanted, change](Ruleset& ruleset, Dice& dice) {
                const std::vector<Rule*> rules = rules_where(ruleset, wanted);
                if (rules.empty()) {
                    return false;
                }
                change(*dice.pick(rules), dice);
                return true;
            }};
}

/// Changes a random match of kind M with `change`.
template <class M, class Change>
Mutation of_match(std::string name, Change change) {
    return {std::move(name), [change](Ruleset& ruleset, Dice& dice) {
                std::vector<M*> found;
                for (Rule* const rule : rules_where(ruleset, [](const Rule&) { return true; })) {
                    for (Match& match : rule->matches) {
                        if (M* const one = std::get_if<M>(&match)) {
                            found.push_back(one);
                        }
                    }
                }
                if (found.empty()) {
                    return false;
                }
                change(*dice.pick(found));
                return true;
            }};
}

/// Takes a random match of kind M away.
template <class M>
Mutation without_match(std::string name) {
    const auto is_m = [](const Match& match) { return std::holds_alternative<M>(match); };
    return of_rule(
        std::move(name),
        [is_m](const Rule& rule) {
            return std::find_if(rule.matches.begin(), rule.matches.end(), is_m) !=
                   rule.matches.end();
        },
        [is_m](Rule& rule, Dice&) { std::erase_if(rule.matches, is_m); });
}

template <class M>
Mutation other_prefix(std::string name) {
    return of_match<M>(std::move(name), [](M& m) {
        m.prefix = Prefix::of(m.prefix.address, static_cast<std::uint8_t>(m.prefix.length - 1));
    });
}

template <class M>
Mutation other_port(std::string name) {
    return of_match<M>(std::move(name), [](M& m) {
        ++m.ports.first;
        ++m.ports.last;
    });
}

std::vector<Mutation> wrong_rules() {
    const auto any = [](const Rule&) { return true; };
    std::vector<Mutation> all;
    all.push_back(of_rule(
        "accept becomes drop", [](const Rule& r) { return r.verdict == Verdict::accept; },
        [](Rule& rule, Dice&) { rule.verdict = Verdict::drop; }));
    all.push_back(of_rule(
        "a refusal becomes accept", [](const Rule& r) { return r.verdict != Verdict::accept; },
        [](Rule& rule, Dice&) { rule.verdict = Verdict::accept; }));
    all.push_back(
        of_rule("a rule matches everything", any, [](Rule& rule, Dice&) { rule.matches.clear(); }));
    all.push_back(of_rule(
        "one match is missing", [](const Rule& r) { return !r.matches.empty(); },
        [](Rule& rule, Dice& dice) {
            rule.matches.erase(rule.matches.begin() +
                               static_cast<std::ptrdiff_t>(dice.below(rule.matches.size())));
        }));
    all.push_back({"a rule is missing", [](Ruleset& ruleset, Dice& dice) {
                       Chain& chain = ruleset.chains[dice.below(ruleset.chains.size())];
                       if (chain.rules.empty()) {
                           return false;
                       }
                       chain.rules.erase(chain.rules.begin() + static_cast<std::ptrdiff_t>(
                                                                   dice.below(chain.rules.size())));
                       return true;
                   }});
    all.push_back({"two rules change places", [](Ruleset& ruleset, Dice& dice) {
                       std::vector<Rule>& rules =
                           ruleset.chains[dice.below(ruleset.chains.size())].rules;
                       if (rules.size() < 2) {
                           return false;
                       }
                       std::swap(rules[dice.below(rules.size())], rules[dice.below(rules.size())]);
                       return true;
                   }});
    all.push_back({"two hooks change places", [](Ruleset& ruleset, Dice&) {
                       std::swap(ruleset.chains[0].hook, ruleset.chains[1].hook);
                       return true;
                   }});
    all.push_back(
        {"a set lacks an element", [](Ruleset& ruleset, Dice& dice) {
             std::vector<Set*> filled;
             for (Set& set : ruleset.sets) {
                 if (!set.elements.empty() || !set.networks.empty() || !set.timed.empty()) {
                     filled.push_back(&set);
                 }
             }
             if (filled.empty()) {
                 return false;
             }
             Set& set = *dice.pick(filled);
             if (!set.timed.empty()) {  // All together they are a switch.
                 set.timed.clear();
                 return true;
             }
             const auto erase_one = [&](auto& all_of_them) {
                 all_of_them.erase(all_of_them.begin() +
                                   static_cast<std::ptrdiff_t>(dice.below(all_of_them.size())));
             };
             set.elements.empty() ? erase_one(set.networks) : erase_one(set.elements);
             return true;
         }});
    all.push_back({"a flow is not learned", [](Ruleset& ruleset, Dice&) {
                       bool some = false;
                       for (Chain& chain : ruleset.chains) {
                           for (Rule& rule : chain.rules) {
                               some = some || rule.learn.has_value();
                               rule.learn.reset();
                           }
                       }
                       return some;
                   }});
    return all;
}

}  // namespace

std::vector<Mutation> mutations(CgroupRules cgroup_rules) {
    std::vector<Mutation> all = wrong_rules();
    using namespace match;
    all.push_back(of_match<Family>("the other family", [](Family& m) {
        m.family = m.family == IpFamily::v4 ? IpFamily::v6 : IpFamily::v4;
    }));
    all.push_back(of_match<Protocol>("the next protocol", [](Protocol& m) {
        m.number = m.number == proto::kTcp ? proto::kUdp : proto::kTcp;
    }));
    all.push_back(other_port<SourcePort>("source port off by one"));
    all.push_back(other_port<DestinationPort>("destination port off by one"));
    all.push_back(other_prefix<Source>("source prefix one bit short"));
    all.push_back(other_prefix<Destination>("destination prefix one bit short"));
    all.push_back(of_match<IcmpType>("ICMP type off by one", [](IcmpType& m) { ++m.type; }));
    all.push_back(of_match<HopLimit>("hop limit off by one", [](HopLimit& m) { --m.value; }));
    all.push_back(of_match<Mark>("mark off by one", [](Mark& m) { ++m.value; }));
    all.push_back(of_match<Mark>("mark without its mask", [](Mark& m) { m.mask = ~m.mask; }));
    all.push_back(of_match<User>("another user", [](User& m) { ++m.uid; }));
    all.push_back(of_match<Group>("another group", [](Group& m) { ++m.gid; }));
    all.push_back(of_match<InInterface>("input interface negated",
                                        [](InInterface& m) { m.negated = !m.negated; }));
    all.push_back(of_match<OutInterface>("output interface negated",
                                         [](OutInterface& m) { m.negated = !m.negated; }));
    all.push_back(of_match<InGroup>("another interface group", [](InGroup& m) { ++m.group; }));
    all.push_back(of_match<OutGroup>("another output group", [](OutGroup& m) { ++m.group; }));
    all.push_back(
        of_match<InGroup>("input group negated", [](InGroup& m) { m.negated = !m.negated; }));
    all.push_back(of_match<OutInterface>(
        "interface by prefix", [](OutInterface& m) { m.name = m.name.substr(0, 2) + "*"; }));
    all.push_back(of_match<InSet>("the other side of a set", [](InSet& m) {
        m.far = m.far == InSet::Far::source ? InSet::Far::destination : InSet::Far::source;
    }));
    all.push_back(without_match<InLoopback>("every input is loopback"));
    all.push_back(without_match<OutLoopback>("every output is loopback"));
    all.push_back(without_match<TcpNotOpening>("TCP may open"));
    all.push_back(without_match<Mark>("any mark"));
    all.push_back(without_match<User>("any user"));
    all.push_back(without_match<Group>("any group"));
    all.push_back(without_match<HopLimit>("any hop limit"));
    all.push_back(without_match<ToEncrypt>("whatever leaves counts as encrypted"));
    all.push_back(without_match<Decrypted>("whatever comes counts as decrypted"));
    if (cgroup_rules == CgroupRules::occur) {
        all.push_back(of_match<Cgroup>("another cgroup", [](Cgroup& m) { ++m.id; }));
        all.push_back(without_match<Cgroup>("any cgroup"));
    }
    return all;
}

}  // namespace ks::test
