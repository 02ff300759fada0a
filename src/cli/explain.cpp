// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/observe.hpp"
#include "explain_question.hpp"
#include "fetch.hpp"
#include "killswitchd/decision.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/lack.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/wrap.hpp"
#include "known_links.hpp"
#include "options.hpp"
#include "present.hpp"
#include "terminal.hpp"

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ks::cli {

namespace {

using nlohmann::json;

constexpr int kSchema = 1;

/// Everything that is said about one packet.
struct Answer {
    Decision decision;
    std::string state;
    std::optional<Route> route;
    std::string key;
    std::optional<Lack> lack;
    std::vector<Cure> cures;
    std::string note;
};

std::string note_of(const StatusReport& report) {
    if (report.config.changed) {
        return "the config on disk is not the one in force: sudo killswitchd reload";
    }
    if (report.judgement.summary == Summary::unknown) {
        return "the kernel's rules were not read; it is told what they should be";
    }
    return report.judgement.verified
               ? ""
               : "the kernel does not hold the rules that it should: sudo killswitchd diff";
}

Answer answer_to(const State& state, const Question& question) {
    Answer answer;
    answer.route = question.route;
    if (!state.wanted) {
        answer.decision.allowed = true;
        answer.decision.comment = "open";
        return answer;
    }
    answer.decision = decision_on(*state.wanted, question.packet, question.direction);
    if (!answer.decision.allowed) {
        answer.key = key_behind(answer.decision, state.policy);
        if (question.direction == Direction::out) {
            answer.lack = lack_of(state, question.packet);
        }
        answer.cures = cures(state, question.packet, question.direction);
    }
    return answer;
}

std::string route_text(const Route& route) {
    if (route.interface == "lo") {
        return "this host itself";
    }
    return route.gateway ? fmt::format("by {}, via {}", route.interface, route.gateway->str())
                         : fmt::format("by {}, on-link", route.interface);
}

std::string headline(const Answer& answer) {
    const Decision& decision = answer.decision;
    if (decision.allowed) {
        return fmt::format("ALLOWED ({})",
                           decision.comment.empty() ? decision.text : decision.comment);
    }
    return fmt::format("REFUSED ({}): {}", decision.reason.empty() ? "policy" : decision.reason,
                       why_refused(decision));
}

void print_line(std::string_view label, std::string_view value) {
    constexpr std::size_t kColumn = 10;
    if (!value.empty()) {
        fmt::print("{}", wrapped(escaped(fmt::format("  {:<7} {}", label, value)), kColumn));
    }
}

void print_text(const Answer& answer) {
    const Decision& decision = answer.decision;
    fmt::print("{}", wrapped(escaped(headline(answer)), 2));
    print_line("state", answer.state);
    print_line("route", answer.route ? route_text(*answer.route) : "");
    if (decision.rule != 0) {
        print_line("rule", fmt::format("{} of {} of {}: {}", decision.rule, decision.rules,
                                       decision.chain, decision.text));
    }
    print_line("config", answer.key);
    print_line("lacks", answer.lack ? answer.lack->what : "");
    print_line("fix", answer.lack ? answer.lack->fix : "");
    for (const Cure& cure : answer.cures) {
        print_line(&cure == answer.cures.data() ? "to let" : "", fmt::format("{}", cure.yaml));
        print_line(&cure == answer.cures.data() ? "it pass" : "",
                   fmt::format("  ({})", cure.effect));
    }
    print_line("note", answer.note);
}

json to_json(const Answer& answer) {
    const Decision& decision = answer.decision;
    json cures = json::array();
    for (const Cure& cure : answer.cures) {
        cures.push_back({{"yaml", cure.yaml}, {"effect", cure.effect}});
    }
    json route;
    if (answer.route) {
        const auto& gateway = answer.route->gateway;
        route = {{"interface", answer.route->interface},
                 {"gateway", gateway ? json(gateway->str()) : json()}};
    }
    return {
        {"schema", kSchema},
        {"allowed", decision.allowed},
        {"reason", decision.reason},
        {"text", headline(answer)},
        {"state", answer.state},
        {"route", std::move(route)},
        {"rule",
         {{"chain", decision.chain},
          {"number", decision.rule},
          {"of", decision.rules},
          {"text", decision.text},
          {"comment", decision.comment}}},
        {"config", answer.key},
        {"lacks", answer.lack ? json(answer.lack->what) : json()},
        {"fix", answer.lack ? json(answer.lack->fix) : json()},
        {"cures", std::move(cures)},
        {"note", answer.note},
    };
}

int show(const Options& options, const Answer& answer) {
    if (options.json) {
        fmt::print("{}\n", to_json(answer).dump(2, ' ', /*ensure_ascii=*/true,
                                                json::error_handler_t::replace));
    } else {
        print_text(answer);
    }
    return answer.decision.allowed ? kDone : kFailed;
}

}  // namespace

int explain(const Options& options) {
    auto asked = parse_question(options.packet);
    if (!asked) {
        complain(asked.error().message());
        return kUsage;
    }
    const auto report = fetch_report_for_anybody(options);
    if (!report) {
        return fail(report.error());
    }
    World world = observe(options.paths);
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        return kConfigInvalid;
    }
    auto question = routed(*std::move(asked));
    if (!question) {
        complain(fmt::format("the kernel would not send it: {}", question.error().message()));
        return kFailed;
    }
    const State state = present_state(std::move(world), *report);
    question->packet.in_kind = kind_of(state, question->packet.in_interface);
    question->packet.out_kind = kind_of(state, question->packet.out_interface);
    Answer answer = answer_to(state, *question);
    answer.state =
        fmt::format("{}: {}", word(state.situation.state), meaning(state.policy, state.situation));
    answer.note = note_of(*report);
    return show(options, answer);
}

}  // namespace ks::cli
