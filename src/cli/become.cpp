// SPDX-License-Identifier: GPL-2.0-or-later
#include "become.hpp"

#include "killswitchd/error.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks::cli {

int become(const std::vector<std::string>& argv) {
    std::vector<char*> words;
    for (const std::string& word : argv) {
        words.push_back(const_cast<char*>(word.c_str()));  // execvp() changes nothing.
    }
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    return fail(Error{fmt::format("cannot run '{}'", argv[0]), errno});
}

}  // namespace ks::cli
