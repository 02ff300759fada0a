// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/differences.hpp"

#include "decode.hpp"
#include "killswitchd/desired_tables.hpp"
#include "killswitchd/render_text.hpp"
#include "timed_elements.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

using Where = Difference::Where;

std::string text_of(const ObservedRule& rule) {
    const std::string text = decode(rule.wire);
    return rule.comment.empty() ? text : fmt::format("{} comment \"{}\"", text, rule.comment);
}

bool same_rules(const ObservedChain& left, const ObservedChain& right) {
    return std::ranges::equal(left.rules, right.rules, {}, &ObservedRule::expressions,
                              &ObservedRule::expressions);
}

bool equivalent(const ObservedTable& desired, const ObservedTable& observed) {
    return !observed.dormant && observed.objects.empty() &&
           std::ranges::equal(desired.sets, observed.sets,
                              [](const ObservedSet& should, const ObservedSet& is) {
                                  return should.name == is.name && should.key == is.key &&
                                         should.elements == is.elements && ends_in_time(should, is);
                              }) &&
           std::ranges::equal(desired.chains, observed.chains,
                              [](const ObservedChain& should, const ObservedChain& is) {
                                  return should.name == is.name && should.base == is.base &&
                                         same_rules(should, is);
                              }) &&
           std::ranges::equal(desired.counters, observed.counters, {},
                              &std::pair<const std::string, CounterValue>::first,
                              &std::pair<const std::string, CounterValue>::first);
}

/// Which rules of two chains are the same: their positions in both, ascending.
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

/// The longest common subsequence of what lies between the common beginning and end.
Pairs align(const std::vector<ObservedRule>& should, const std::vector<ObservedRule>& is) {
    const auto same = [&](std::size_t i, std::size_t j) {
        return should[i].expressions == is[j].expressions;
    };
    Pairs pairs;
    std::size_t first = 0;
    const std::size_t shorter = std::min(should.size(), is.size());
    for (; first < shorter && same(first, first); ++first) {
        pairs.emplace_back(first, first);
    }
    std::size_t last = 0;  // So many at the end.
    while (last < shorter - first && same(should.size() - 1 - last, is.size() - 1 - last)) {
        ++last;
    }
    const std::size_t rows = should.size() - first - last;
    const std::size_t columns = is.size() - first - last;
    constexpr std::size_t kMostCells = 1'000'000;  // Beyond it, all of the middle has changed.
    if (rows > 0 && columns > 0 && rows <= kMostCells / columns) {
        std::vector<std::size_t> best((rows + 1) * (columns + 1));
        const auto cell = [&](std::size_t i, std::size_t j) -> std::size_t& {
            return best[i * (columns + 1) + j];
        };
        for (std::size_t i = rows; i-- > 0;) {
            for (std::size_t j = columns; j-- > 0;) {
                cell(i, j) = same(first + i, first + j) ? cell(i + 1, j + 1) + 1
                                                        : std::max(cell(i + 1, j), cell(i, j + 1));
            }
        }
        for (std::size_t i = 0, j = 0; i < rows && j < columns;) {
            if (same(first + i, first + j)) {
                pairs.emplace_back(first + i++, first + j++);
            } else {
                cell(i + 1, j) >= cell(i, j + 1) ? ++i : ++j;
            }
        }
    }
    for (; last > 0; --last) {
        pairs.emplace_back(should.size() - last, is.size() - last);
    }
    return pairs;
}

/// Compares the tables of one family.
class Comparison {
  public:
    Comparison(TableFamily family, const Ruleset& ruleset, std::vector<Difference>& out)
        : family_(family), ruleset_(ruleset), out_(out) {}

    void tables(const ObservedTable* desired, const ObservedTable* observed) {
        if (desired == nullptr || observed == nullptr) {
            if (desired != observed) {
                one_sided(Where::table, {}, desired != nullptr, {});
            }
            return;
        }
        if (observed->dormant) {
            add({Where::table, family_, {}, {}, 0, "dormant", "active"});
        }
        named(Where::chain, desired->chains, observed->chains, &ObservedChain::base,
              [&](const auto& should, const auto& is) { chains(should, is); });
        for (const ObservedChain& chain : observed->chains) {
            if (find_named(desired->chains, chain.name) == nullptr) {
                foreign_rules(chain);
            }
        }
        named(Where::set, desired->sets, observed->sets, &ObservedSet::key,
              [&](const auto& should, const auto& is) { sets(should, is); });
        for (const auto& [name, value] : desired->counters) {
            if (!observed->counters.contains(name)) {
                add({Where::object, family_, "counter", name, 0, {}, ""});
            }
        }
        for (const auto& [name, value] : observed->counters) {
            if (!desired->counters.contains(name)) {
                add({Where::object, family_, "counter", name, 0, "", {}});
            }
        }
        for (const ObservedObject& object : observed->objects) {
            add({Where::object, family_, object.kind, object.name, 0, "", {}});
        }
    }

  private:
    void add(Difference difference) { out_.push_back(std::move(difference)); }

    void one_sided(Where where, const std::string& name, bool missing, const std::string& text) {
        Difference difference{where, family_, {}, name, 0, {}, {}};
        (missing ? difference.should : difference.is) = text;
        add(std::move(difference));
    }

    /// Names on either side that the other lacks, and pairs that `compare` finds to differ.
    template <class T, class Compare>
    void named(Where where, const std::vector<T>& desired, const std::vector<T>& observed,
               std::string T::*text, Compare compare) {
        for (const T& should : desired) {
            if (const T* const is = find_named(observed, should.name)) {
                compare(should, *is);
            } else {
                one_sided(where, should.name, /*missing=*/true, should.*text);
            }
        }
        for (const T& is : observed) {
            if (find_named(desired, is.name) == nullptr) {
                one_sided(where, is.name, /*missing=*/false, is.*text);
            }
        }
    }

    /// What a chain that is not ours does.
    void foreign_rules(const ObservedChain& chain) {
        for (std::size_t i = 0; i < chain.rules.size(); ++i) {
            add({Where::rule, family_, {}, chain.name, i + 1, text_of(chain.rules[i]), {}});
        }
    }

    void chains(const ObservedChain& should, const ObservedChain& is) {
        if (should.base != is.base) {
            add({Where::chain, family_, {}, should.name, 0, is.base, should.base});
        }
        if (same_rules(should, is)) {
            return;
        }
        const Chain& chain = *std::ranges::find_if(ruleset_.chains, [&](const Chain& one) {
            return one.name == should.name && family_of(one) == family_;
        });
        std::size_t i = 0;
        std::size_t j = 0;
        Pairs pairs = align(should.rules, is.rules);
        pairs.emplace_back(should.rules.size(), is.rules.size());
        for (const auto& [next_i, next_j] : pairs) {
            while (i < next_i || j < next_j) {
                Difference difference{Where::rule, family_, {}, should.name, 0, {}, {}};
                if (i < next_i) {
                    difference.should = render_text(chain.rules[i++], family_);
                    difference.rule = i;
                }
                if (j < next_j) {
                    difference.is = text_of(is.rules[j++]);
                    difference.rule = j;
                }
                add(std::move(difference));
            }
            ++i;
            ++j;
        }
    }

    void sets(const ObservedSet& should, const ObservedSet& is) {
        if (should.key != is.key) {
            add({Where::set, family_, {}, should.name, 0, is.key, should.key});
        } else if (should.elements != is.elements) {
            add({Where::set,
                 family_,
                 {},
                 should.name,
                 0,
                 fmt::format("{} elements", is.elements.size()),
                 fmt::format("{} elements", should.elements.size())});
        } else if (!ends_in_time(should, is)) {
            add({Where::set, family_, {}, should.name, 0, "open for longer", "ending as asked"});
        }
    }

    TableFamily family_;
    const Ruleset& ruleset_;
    std::vector<Difference>& out_;
};

}  // namespace

bool equivalent(const ObservedTables& desired, const ObservedTables& observed) {
    return std::ranges::equal(desired, observed, [](const auto& should, const auto& is) {
        return should.first == is.first && equivalent(should.second, is.second);
    });
}

std::vector<Difference> differences(const std::optional<Ruleset>& desired,
                                    const ObservedTables& observed) {
    const Ruleset nothing;
    const Ruleset& ruleset = desired ? *desired : nothing;
    const auto tables = desired_tables(ruleset);
    if (!tables) {
        return {{Where::table, TableFamily::inet, {}, {}, 0, tables.error().message(), "readable"}};
    }
    std::vector<Difference> out;
    for (const TableFamily family : kFamilies) {
        Comparison(family, ruleset, out)
            .tables(find_table(*tables, family), find_table(observed, family));
    }
    return out;
}

}  // namespace ks
