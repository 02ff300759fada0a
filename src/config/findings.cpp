// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings.hpp"

#include "killswitchd/printable.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// A broken file of the largest size could otherwise yield more findings than memory.
constexpr std::size_t kMaxFindings = 200;
/// Longer lines are not repeated below a message: nobody could find the caret.
constexpr std::size_t kMaxSourceBytes = 200;

}  // namespace

void Findings::error(const Place& at, std::string message, std::string hint) {
    ++errors_;
    add(Diagnostic::Severity::error, at, std::move(message), std::move(hint));
}

void Findings::unknown_name(const Place& at, std::string message, std::string hint) {
    ++unknown_names_;
    error(at, std::move(message), std::move(hint));
}

void Findings::warning(const Place& at, std::string message, std::string hint) {
    add(Diagnostic::Severity::warning, at, std::move(message), std::move(hint));
}

std::string Findings::refer_to(const Place& at, const Place& from) const {
    return at.file == from.file ? fmt::format("line {}", at.line)
                                : fmt::format("{} line {}", texts_[at.file].file, at.line);
}

void Findings::add(Diagnostic::Severity severity, const Place& at, std::string message,
                   std::string hint) {
    const bool known = std::any_of(findings_.begin(), findings_.end(), [&](const Finding& finding) {
        return finding.at.file == at.file && finding.at.line == at.line &&
               finding.at.column == at.column && finding.diagnostic.message == message;
    });
    if (known) {
        return;
    }
    if (findings_.size() >= kMaxFindings) {
        ++left_out_;
        return;
    }
    findings_.push_back({at,
                         {severity, texts_[at.file].file, at.line, at.column, std::move(message),
                          std::move(hint), source_of(at)}});
}

std::string Findings::source_of(const Place& at) const {
    std::string_view text = texts_[at.file].text;
    for (unsigned line = 1; line < at.line; ++line) {
        const auto end = text.find('\n');
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    text = text.substr(0, text.find('\n'));
    return at.line == 0 || text.size() > kMaxSourceBytes ? std::string() : printable(text);
}

std::vector<Diagnostic> Findings::take() && {
    std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.at.file, a.at.line, a.at.column) <
               std::tie(b.at.file, b.at.line, b.at.column);
    });
    std::vector<Diagnostic> all;
    all.reserve(findings_.size() + 1);
    for (Finding& finding : findings_) {
        all.push_back(std::move(finding.diagnostic));
    }
    if (left_out_ != 0) {
        Diagnostic more;
        more.severity = errors_ != 0 ? Diagnostic::Severity::error : Diagnostic::Severity::warning;
        more.file = texts_.front().file;
        more.message = fmt::format("{} more findings are not shown", left_out_);
        more.hint = "correct those above first";
        all.push_back(std::move(more));
    }
    return all;
}

}  // namespace ks
