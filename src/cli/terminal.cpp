// SPDX-License-Identifier: GPL-2.0-or-later
#include "terminal.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <unistd.h>

namespace ks::cli {

namespace {

bool set_and_not_empty(const char* variable) {
    const char* const value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

bool colourful(const Options& options) {
    if (options.color != Color::automatic) {
        return options.color == Color::always;
    }
    const char* const term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && !set_and_not_empty("NO_COLOR") && term != nullptr &&
           std::strcmp(term, "dumb") != 0;
}

const char* code(Tone tone) {
    switch (tone) {
    case Tone::good:
        return "\033[1;32m";
    case Tone::bad:
        return "\033[1;31m";
    case Tone::warning:
        return "\033[1;33m";
    case Tone::quiet:
        return "\033[2m";
    }
    return "";
}

}  // namespace

std::string paint(const Options& options, Tone tone, std::string_view text) {
    return colourful(options) ? fmt::format("{}{}\033[0m", code(tone), text) : std::string(text);
}

void complain(std::string_view message, std::string_view hint) {
    fmt::print(stderr, "error: {}\n", message);
    if (!hint.empty()) {
        fmt::print(stderr, "hint: {}\n", hint);
    }
}

void complain(const std::vector<Diagnostic>& diagnostics) {
    for (const Diagnostic& diagnostic : diagnostics) {
        fmt::print(stderr, "{}", ks::render(diagnostic));
    }
}

int fail(const Error& error) {
    const bool forbidden = error.sys_errno == EPERM || error.sys_errno == EACCES;
    complain(error.message(), forbidden && ::geteuid() != 0 ? "run it as root" : "");
    return forbidden ? kNoPermission : kFailed;
}

}  // namespace ks::cli
