// SPDX-License-Identifier: GPL-2.0-or-later
#include "page.hpp"

#include "../drills/verdict.hpp"
#include "json.hpp"
#include "killswitchd/sha256.hpp"
#include "markup.hpp"
#include "picture.hpp"
#include "proof.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks::proof {

namespace {

constexpr std::string_view kStyles =
    "body{margin:0 auto;max-width:60rem;padding:1rem;font:15px/1.45 system-ui,sans-serif;"
    "color:var(--ink);background:var(--paper)}"
    "h1{font-size:1.7rem;margin:.3rem 0}h2{font-size:1.05rem;margin:1.2rem 0 .3rem}"
    "h1.good{color:var(--tunnel)}h1.bad{color:var(--clear)}p{margin:.3rem 0}"
    ".legend span{display:inline-block;margin-right:1rem;font-size:.85rem}"
    ".drills{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));"
    "gap:.9rem 1.8rem;margin:1rem 0}figure{margin:0;break-inside:avoid}"
    "figcaption{font-size:.8rem;color:var(--quiet)}"
    ".panel{display:block;width:100%;height:auto}.leak{color:var(--clear)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;margin:.3rem 0}"
    "dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}"
    "ul{margin:.3rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere}"
    "code,pre{font:.8rem/1.4 ui-monospace,monospace}"
    "pre{overflow-x:auto;border:1px solid var(--off);padding:.6rem}"
    "summary{cursor:pointer;margin:.4rem 0}\n"
    "@media(max-width:30rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}\n"
    "@page{size:A4;margin:10mm}\n"
    "@media print{body{font-size:8.5pt;max-width:none;padding:0}h1{font-size:15pt}"
    "h2{margin:.5rem 0 .1rem;font-size:9.5pt}.drills{grid-template-columns:repeat(3,1fr);"
    "gap:.35rem .8rem;margin:.4rem 0}figcaption{font-size:6.5pt;line-height:1.2}details{display:"
    "none}}\n";

std::string leaked(const Played& drill) {
    std::string all;
    for (const Leaked& one : drill.leaked) {
        all +=
            fmt::format("<br><b class=\"leak\">{} {}</b><br>because {}<br>fix: <code>{}</code>",
                        one.count, marked_up(one.what), marked_up(one.because), marked_up(one.fix));
    }
    if (drill.outcome() == drills::Outcome::holds || !drill.leaked.empty()) {
        return all;
    }
    const std::vector<std::string> reasons =
        drill.error.empty() ? drill.verdict.reasons() : std::vector{drill.error};
    for (const std::string& reason : reasons) {
        all += fmt::format("<br><b class=\"leak\">{}</b>", marked_up(reason));
    }
    return all;
}

std::string figures(const std::vector<Played>& drills) {
    std::string all;
    for (const Played& drill : drills) {
        all += fmt::format("<figure>{}<figcaption>{}{}</figcaption></figure>\n", panel(drill),
                           marked_up(drill.story), leaked(drill));
    }
    return all;
}

std::string holes(const std::vector<Hole>& holes) {
    if (holes.empty()) {
        return "<p>None: the config allows nothing beside the tunnel.</p>\n";
    }
    std::string all = "<ul>\n";
    for (const Hole& hole : holes) {
        all += fmt::format("<li>{}{}: {} of {} tries got through, as the config allows; {} packets "
                           "in all drills{}</li>\n",
                           marked_up(hole.text),
                           hole.place.empty() ? "" : fmt::format(" ({})", marked_up(hole.place)),
                           hole.left, hole.tried, hole.packets,
                           hole.wide ? " <b class=\"leak\">(any program, most of the internet)</b>"
                                     : "");
    }
    return all + "</ul>\n";
}

std::string fact(std::string_view name, std::string_view value) {
    return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, marked_up(value));
}

std::string facts(const Proof& proof) {
    std::string all = "<dl>\n";
    all += fact("made", proof.made);
    all += fact("program", "killswitchd " + proof.version);
    all += fact("kernel", proof.kernel);
    all += fact("config", fmt::format("{}, {}; as played SHA-256 {}", proof.config_file,
                                      proof.config_hash, sha256(proof.config)));
    all += fact("rules",
                proof.rules.empty()
                    ? "not read back"
                    : fmt::format("as read back from the kernel, SHA-256 {}", sha256(proof.rules)));
    for (const std::string& note : proof.notes) {
        all += fact("stand-in", note);
    }
    all += fact("play it again", proof.command);
    return all + "</dl>\n";
}

std::string folded(std::string_view title, std::string_view text) {
    return text.empty() ? std::string()
                        : fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                                      title, marked_up(text));
}

}  // namespace

std::string page(const Proof& proof) {
    const bool good = proof.conclusion() == Conclusion::holds;
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">\n<title>killswitchd: {0}</title>\n<style>\n{1}{2}</style>\n</head>\n"
        "<body>\n<h1 class=\"{3}\">{0}</h1>\n<p>{4}.</p>\n<p class=\"legend\">{5}</p>\n"
        "<div class=\"drills\">\n{6}{7}</div>\n<h2>Holes that the config makes</h2>\n{8}"
        "<h2>What was played</h2>\n<p>Each drill ran twice in throw-away networks of this machine, "
        "without the kill switch and with its rules. Time runs from left to right; a mark is one "
        "probe, and stands above its like. Every frame was counted outside the host.</p>\n{9}{10}"
        "{11}{12}</body>\n</html>\n",
        marked_up(proof.headline()), picture_styles(), kStyles, good ? "good" : "bad",
        marked_up(proof.sentence()), legend(), figures(proof.drills), figures(proof.exceptions),
        holes(proof.holes), facts(proof), folded("The rules", proof.rules),
        folded("The config, as it was played", proof.config),
        folded("The same as JSON", to_json(proof)));
}

}  // namespace ks::proof
