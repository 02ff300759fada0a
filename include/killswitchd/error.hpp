// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace ks {

/// What went wrong, phrased for the operator who reads it on a terminal or in the journal.
struct Error {
    std::string what;   ///< Lower-case fragment without a final dot: "cannot bind control socket".
    int sys_errno = 0;  ///< Positive errno, 0 when the kernel was not involved.

    /// Adds what the caller was trying to do: "reading the rules: <what>".
    [[nodiscard]] Error within(std::string_view intent) &&;
    /// `what`, followed by the errno's text and name when there is one.
    [[nodiscard]] std::string message() const;
};

/// Value or error of something that can fail in normal life. Observers are named as in
/// std::expected; reading the wrong side throws std::bad_variant_access (a bug, never UB).
template <class T, class E = Error>
class [[nodiscard]] Result {
    static_assert(!std::is_same_v<T, E>);
    std::variant<T, E> v_;

  public:
    Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
    Result(E error) : v_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const noexcept { return v_.index() == 0; }
    [[nodiscard]] T& operator*() & { return std::get<0>(v_); }
    [[nodiscard]] const T& operator*() const& { return std::get<0>(v_); }
    [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(v_)); }
    [[nodiscard]] T* operator->() { return &std::get<0>(v_); }
    [[nodiscard]] const T* operator->() const { return &std::get<0>(v_); }
    [[nodiscard]] const E& error() const& { return std::get<1>(v_); }
    [[nodiscard]] E&& error() && { return std::get<1>(std::move(v_)); }
};

struct Done {};
using Status = Result<Done>;  // `return Done{};` or `return Error{"...", errno};`

/// Visitor made of lambdas, for std::visit without a catch-all.
template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace ks
