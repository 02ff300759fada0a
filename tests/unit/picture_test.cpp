// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "drills/tally.hpp"
#include "killswitchd/sha256.hpp"
#include "proof/markup.hpp"
#include "proof/page.hpp"
#include "proof/picture.hpp"
#include "proof/proof.hpp"

#include <cstddef>
#include <string>
#include <vector>

using namespace ks;
using drills::Fate;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

proof::Played drill(std::vector<Fate> without, std::vector<Fate> with) {
    proof::Played played{"steady", "steady <state>", "A & B.", 1};
    played.verdict.without.tally.bursts = {{10, false, std::move(without)}};
    played.verdict.with.tally.bursts = {{12, true, std::move(with)}};
    return played;
}

}  // namespace

TEST_CASE("what stands in a config cannot become markup", "[proof]") {
    CHECK(proof::marked_up("<a href=\"x\">'&\n\033[1m") ==
          "&lt;a href=&quot;x&quot;&gt;&#39;&amp;\n?[1m");

    proof::Proof proof;
    proof.notes = {"<script>alert(1)</script>"};
    proof.config_file = "\"><img src=x>";
    proof.rules = "</pre><script>";
    proof.drills = {drill({Fate::clear}, {Fate::clear})};
    proof.drills.front().leaked = {{1, "<b>", "<i>", "<script>"}};
    proof.holes = {{"<script>", "</ul>"}};
    for (const std::string& text : {proof::page(proof), proof::picture(proof)}) {
        CHECK(count(text, "<script") == 0);
        CHECK(count(text, "<img") == 0);
        CHECK(count(text, "steady <state>") == 0);
    }
    CHECK(count(proof::page(proof), "</html>") == 1);
}

TEST_CASE("each probe is a mark, and each fate has a shape of its own", "[proof]") {
    const std::string svg = proof::panel(
        drill({Fate::clear, Fate::clear, Fate::allowed}, {Fate::stopped, Fate::tunnel}));

    CHECK(count(svg, "class=\"c\"") == 1);
    CHECK(count(svg, "class=\"a\"") == 1);
    CHECK(count(svg, "class=\"s\"") == 1);
    CHECK(count(svg, "class=\"t\"") == 1);
    CHECK(count(svg, "h0") + count(svg, "h8.4") ==
          6);  // Two squares, a dash, a point, a ring twice.
}

TEST_CASE("a page loads nothing and runs nothing", "[proof]") {
    proof::Proof proof;
    proof.drills = {drill({Fate::clear}, {Fate::stopped})};
    const std::string page = proof::page(proof);

    for (const char* const part :
         {"http:", "https:", "src=", "href=", "url(", "@import", "<link"}) {
        INFO(part);
        CHECK(count(page, part) == 0);
    }
    CHECK(count(page, "default-src 'none'") == 1);
}

TEST_CASE("SHA-256 is that of the standard", "[base]") {
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    CHECK(sha256(std::string(55, 'a')) ==
          "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    CHECK(sha256(std::string(56, 'a')) ==
          "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
}
