// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/wrap.hpp"

#include <string>

using namespace ks;

TEST_CASE("what fits a line stays one", "[wrap]") {
    CHECK(wrapped("", 2) == "\n");
    CHECK(wrapped("a b", 2) == "a b\n");
    const std::string full(80, 'x');
    CHECK(wrapped(full, 2) == full + "\n");
}

TEST_CASE("a longer one is broken at a space, and goes on indented", "[wrap]") {
    const std::string word(30, 'x');
    CHECK(wrapped(word + " " + word + " " + word, 4) == word + " " + word + "\n    " + word + "\n");
    const std::string full(80, 'x');
    CHECK(wrapped(full + " y", 2) == full + "\n  y\n");
}

TEST_CASE("a word that is longer than a line is cut between characters", "[wrap]") {
    CHECK(wrapped(std::string(100, 'x'), 2) ==
          std::string(80, 'x') + "\n  " + std::string(20, 'x') + "\n");
    CHECK(wrapped(std::string(79, 'x') + "\xc3\xa4" + "y", 2) ==
          std::string(79, 'x') + "\n  \xc3\xa4y\n");
}
